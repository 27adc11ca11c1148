;; A counter with state of its own in each instance: a global, and a memory that holds the history.
(module
  (global $count (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (func (export "add") (param $n i32) (result i32)
    (i32.store (i32.mul (global.get $count) (i32.const 4)) (local.get $n))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func (export "sum_and_count") (result i64 i32)
    (local $i i32) (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (local.get $i) (global.get $count)))
        (local.set $sum
          (i64.add (local.get $sum) (i64.load32_s (i32.mul (local.get $i) (i32.const 4)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $sum) (global.get $count))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1))))
