;; Adds the numbers that the host gives, and hands each partial sum to it.
(module
  (import "env" "next" (func $next (result i32)))
  (import "env" "report" (func $report (param i32 i64)))
  (func (export "_start")
    (local $n i32) (local $count i32) (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.tee $n (call $next))))
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (local.get $n))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (call $report (local.get $count) (local.get $sum))
        (br $again)))))
