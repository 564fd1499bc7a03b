/* Replaces getrandom of the C library. The environment variable NO_RANDOMNESS names a file. While
   this file exists, getrandom fails. Calls with GRND_INSECURE still succeed, because Rust's standard
   library uses them for the keys of hash tables and would otherwise abort. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define INSECURE 4

ssize_t getrandom(void *bytes, size_t len, unsigned flags) {
    static ssize_t (*real)(void *, size_t, unsigned);
    const char *file = getenv("NO_RANDOMNESS");
    if (!(flags & INSECURE) && file && access(file, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    if (!real) real = (ssize_t (*)(void *, size_t, unsigned))dlsym(RTLD_NEXT, "getrandom");
    return real(bytes, len, flags);
}
