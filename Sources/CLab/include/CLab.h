#ifndef CLAB_H
#define CLAB_H

#include <stdint.h>
#include <sys/types.h>

/// Starts a guard process that outlives the caller and ends its children when the caller dies.
///
/// The caller tells the guard of its children through `*pipe_out`: a 32-bit pid after each start,
/// its negative after it was reaped. When the pipe closes, which also happens on kill -9, the
/// guard sends SIGTERM and, two seconds later, SIGKILL to the process groups still on its list,
/// then ends. A fork is needed because a parent-death signal is cleared when a program with file
/// capabilities is executed (prctl(2), PR_SET_PDEATHSIG).
///
/// Returns the guard's pid, or -1 with errno set.
pid_t clab_guard_start(int *pipe_out);

/// Copies a file's capabilities (security.capability) into `value`; returns their length, or -1
/// with errno set (ENODATA where the file has none). Debian's Glibc module has no getxattr.
long clab_file_capability(const char *path, uint8_t *value, unsigned long size);

#endif
