/* hand_header.S: start of the hand-made module's text. ISA and the place of the second data byte come from outside. */
#ifndef DATA_AT
#define DATA_AT 65534
#endif
#ifndef HEADER_FLAGS
#define HEADER_FLAGS 0
#endif
#ifdef START_TRAPS
#define START_FUNCTION 2
#else
#define START_FUNCTION 8
#endif
#ifdef C_IMPORT
#define CIMPORTS cimports
#else
#define CIMPORTS 0
#endif
#ifndef IMPORT_TYPE
#ifdef IMPORT_SPECTEST
#define IMPORT_TYPE 3 /* i32 -> */
#else
#define IMPORT_TYPE 2
#endif
#endif
#ifndef ISA
#define ISA HAND_ISA
#endif
  .section w2n_text, "ax", %progbits
  .balign 64
header:
  .long 0x314e3257, 2, 272, HEADER_FLAGS + (ISA << 8)
  .quad text_end - header
  .long INSTANCE_BYTES, START_FUNCTION + 1
  .quad enter - header, unwind - header
#define SPAN(label, count) .quad label - header, count
  SPAN(types, 4)
  SPAN(imports, 1)
  SPAN(functions, 10)
  SPAN(exports, 13)
  SPAN(globals, 2)
  SPAN(memories, 1)
  SPAN(tables, 1)
  SPAN(elements, 1)
  SPAN(data, 2)
  SPAN(exprs, 6)
  SPAN(stream, stream_end - stream)
  SPAN(index, index_end - index)
  SPAN(names, 10)
  SPAN(config, config_end - config)
