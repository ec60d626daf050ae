/* The one declaration of Android's C library that differs from this machine's in a way
 * that Go's package net notices: the sizes of getnameinfo. */
#ifndef VOILE_TEST_NETDB_H
#define VOILE_TEST_NETDB_H

#define getnameinfo voile_test_getnameinfo_of_this_machine
#include_next <netdb.h>
#undef getnameinfo

int getnameinfo(const struct sockaddr *address, socklen_t address_size, char *host, size_t host_size,
                char *service, size_t service_size, int flags);

#endif
