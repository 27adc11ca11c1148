/* wasi_errno.c: host errno -> WASI errno. Numbers that WASI does not know become IO. */
#include "wasi_internal.h"

int32_t wasi_errno(int host) {
  switch (host) {
    case 0: return WASI_OK;
    case E2BIG: return WASI_2BIG;
    case EACCES: return WASI_ACCES;
    case EADDRINUSE: return WASI_ADDRINUSE;
    case EADDRNOTAVAIL: return WASI_ADDRNOTAVAIL;
    case EAFNOSUPPORT: return WASI_AFNOSUPPORT;
    case EAGAIN: return WASI_AGAIN;
    case EALREADY: return WASI_ALREADY;
    case EBADF: return WASI_BADF;
    case EBADMSG: return WASI_BADMSG;
    case EBUSY: return WASI_BUSY;
    case ECANCELED: return WASI_CANCELED;
    case ECHILD: return WASI_CHILD;
    case ECONNABORTED: return WASI_CONNABORTED;
    case ECONNREFUSED: return WASI_CONNREFUSED;
    case ECONNRESET: return WASI_CONNRESET;
    case EDEADLK: return WASI_DEADLK;
    case EDESTADDRREQ: return WASI_DESTADDRREQ;
    case EDOM: return WASI_DOM;
    case EDQUOT: return WASI_DQUOT;
    case EEXIST: return WASI_EXIST;
    case EFAULT: return WASI_FAULT;
    case EFBIG: return WASI_FBIG;
    case EHOSTUNREACH: return WASI_HOSTUNREACH;
    case EIDRM: return WASI_IDRM;
    case EILSEQ: return WASI_ILSEQ;
    case EINPROGRESS: return WASI_INPROGRESS;
    case EINTR: return WASI_INTR;
    case EINVAL: return WASI_INVAL;
    case EIO: return WASI_IO;
    case EISCONN: return WASI_ISCONN;
    case EISDIR: return WASI_ISDIR;
    case ELOOP: return WASI_LOOP;
    case EMFILE: return WASI_MFILE;
    case EMLINK: return WASI_MLINK;
    case EMSGSIZE: return WASI_MSGSIZE;
    case EMULTIHOP: return WASI_MULTIHOP;
    case ENAMETOOLONG: return WASI_NAMETOOLONG;
    case ENETDOWN: return WASI_NETDOWN;
    case ENETRESET: return WASI_NETRESET;
    case ENETUNREACH: return WASI_NETUNREACH;
    case ENFILE: return WASI_NFILE;
    case ENOBUFS: return WASI_NOBUFS;
    case ENODEV: return WASI_NODEV;
    case ENOENT: return WASI_NOENT;
    case ENOEXEC: return WASI_NOEXEC;
    case ENOLCK: return WASI_NOLCK;
    case ENOLINK: return WASI_NOLINK;
    case ENOMEM: return WASI_NOMEM;
    case ENOMSG: return WASI_NOMSG;
    case ENOPROTOOPT: return WASI_NOPROTOOPT;
    case ENOSPC: return WASI_NOSPC;
    case ENOSYS: return WASI_NOSYS;
    case ENOTCONN: return WASI_NOTCONN;
    case ENOTDIR: return WASI_NOTDIR;
    case ENOTEMPTY: return WASI_NOTEMPTY;
    case ENOTRECOVERABLE: return WASI_NOTRECOVERABLE;
    case ENOTSOCK: return WASI_NOTSOCK;
    case EOPNOTSUPP: return WASI_NOTSUP;
#if ENOTSUP != EOPNOTSUPP
    case ENOTSUP: return WASI_NOTSUP;
#endif
    case ENOTTY: return WASI_NOTTY;
    case ENXIO: return WASI_NXIO;
    case EOVERFLOW: return WASI_OVERFLOW;
    case EOWNERDEAD: return WASI_OWNERDEAD;
    case EPERM: return WASI_PERM;
    case EPIPE: return WASI_PIPE;
    case EPROTO: return WASI_PROTO;
    case EPROTONOSUPPORT: return WASI_PROTONOSUPPORT;
    case EPROTOTYPE: return WASI_PROTOTYPE;
    case ERANGE: return WASI_RANGE;
    case EROFS: return WASI_ROFS;
    case ESPIPE: return WASI_SPIPE;
    case ESRCH: return WASI_SRCH;
    case ESTALE: return WASI_STALE;
    case ETIMEDOUT: return WASI_TIMEDOUT;
    case ETXTBSY: return WASI_TXTBSY;
    case EXDEV: return WASI_XDEV;
    default: return WASI_IO;
  }
}
