/* Socket addresses, families and protocols as the reports word them. Pure functions. */
#ifndef PTWRAP_MODEL_SOCKADDR_H
#define PTWRAP_MODEL_SOCKADDR_H

#include "strbuf.h"

#include <stdint.h>

enum { SOCKADDR_NO_PORT = -1 };

/* The family of a struct sockaddr; -1 if it is too short to have one. */
int sockaddr_family(struct bytes address);

/* Appends the address without its port: "127.0.0.1", "::1", a unix path, "@name" for an abstract
 * one; nothing for an unnamed socket. Where the family has ports *port is set, else it is
 * SOCKADDR_NO_PORT. */
void sockaddr_format(struct bytes address, struct strbuf *out, int64_t *port);

/* The path of a unix socket in the file system; false: unnamed, abstract, another family. */
bool sockaddr_unix_path(struct bytes address, struct bytes *path);

/* "inet", "unix", ...; "family 77" for one without a name is written to scratch. */
const char *sockaddr_family_name(int family, char *scratch, size_t size);

/* "tcp", "udp", "stream", ... for socket(family, type, protocol); NULL if there is no word. */
const char *sockaddr_protocol_name(int family, int type, int protocol);

#endif
