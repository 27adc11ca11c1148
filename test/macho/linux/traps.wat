;; Traps in the way that the number of arguments says: 0 unreachable, 1 beyond memory, 2 division by zero, 3 endless
;; recursion. (How much of the stack a frame takes differs, so tests compare the first line of the report there.)
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (memory 1)
  (func $deep (param i32) (result i32) (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func $fail (param i32)
    (block $recursion (block $division (block $memory (block $unreachable
      (br_table $unreachable $memory $division $recursion (local.get 0)))
      (unreachable))
      (drop (i32.load offset=1000000 (local.get 0)))
      (return))
      (drop (i32.div_s (i32.const 1) (i32.load (i32.const 1024))))
      (return))
    (drop (call $deep (i32.const 0))))
  (func (export "_start")
    (drop (call $args (i32.const 0) (i32.const 4)))
    (call $fail (i32.sub (i32.load (i32.const 0)) (i32.const 1)))))
