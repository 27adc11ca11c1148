;; A trap below two activations of compiled code with C between them; the innermost function has stack arguments.
(module
  (import "env" "back" (func $to_c (param i32) (result i32)))
  (func $innermost (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (if (local.get 9) (then (unreachable)))
    (i32.const 1))
  (func $middle (param i32) (result i32)
    (i32.add (local.get 0)
      (call $innermost (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 1)
        (i32.const 1) (i32.const 1) (local.get 0))))
  (func $callback (export "callback") (param i32) (result i32) (call $middle (local.get 0)))
  (func $outer (param i32) (result i32) (i32.sub (call $to_c (local.get 0)) (local.get 0)))
  (func $_start (export "_start") (drop (call $outer (i32.const 5)))))
