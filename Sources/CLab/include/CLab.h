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

/// CPU time by what it was used for, in a file that several processes see at once: eight counters
/// of nanoseconds.
typedef struct clab_ledger clab_ledger;

/// Maps the file, making it where it is missing; 0 with errno set where it cannot.
clab_ledger *clab_ledger_open(const char *path);

/// Adds the CPU time that the calling thread used since it last did so, in any ledger, to `slot`,
/// 0 to 7.
void clab_ledger_add(clab_ledger *ledger, int slot);

/// The calling thread's CPU time when it last added to a ledger; 0 before.
uint64_t clab_ledger_told(void);

/// The counter of `slot`, 0 to 7.
uint64_t clab_ledger_read(clab_ledger *ledger, int slot);

#endif
