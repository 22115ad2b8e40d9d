#pragma once
#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <sys/socket.h>

// SO_ATTACH_FILTER: sets the socket's filter, or exchanges it in one step; 0, or -1 with errno.
// The instructions are laid out as the kernel's; <linux/filter.h> cannot be included beside
// libpcap's header, so its sock_fprog is written out.
static inline int cpcap_attach_filter(
    int descriptor, const struct bpf_insn *instructions, long count) {
    struct {
        unsigned short count;
        const struct bpf_insn *instructions;
    } program = {(unsigned short)count, instructions};
    if (count < 0 || count > USHRT_MAX) {
        errno = EINVAL;
        return -1;
    }
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}
