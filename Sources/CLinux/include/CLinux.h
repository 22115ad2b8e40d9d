// What the Glibc module does not show: sock_diag over netlink, and setfsuid for tests.
#ifndef C_LINUX_H
#define C_LINUX_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/fsuid.h>

#endif
