/* Daemons that were asked to do work: see daemons.h. */
#include "model/daemons.h"

#include "model/attachments.h"
#include "model/model.h"
#include "strbuf.h"

/* Daemons known to run others' jobs, by the end of their unix socket's path or their port. */
static const struct {
	const char *path_end;
	int64_t port;
	const char *name;
} daemons[] = {
	{ "/docker.sock", 0, "Docker" },         { "/podman.sock", 0, "Podman" },
	{ "/containerd.sock", 0, "containerd" }, { "/buildkitd.sock", 0, "BuildKit" },
	{ "/nix/var/nix/daemon-socket/socket", 0, "Nix" }, { "/snapd.socket", 0, "snapd" },
	{ "/libvirt-sock", 0, "libvirt" },       { "/systemd/private", 0, "systemd" },
	{ "/system_bus_socket", 0, "D-Bus" },    { "sccache.sock", 0, "sccache" },
	{ NULL, 2375, "Docker" },                { NULL, 2376, "Docker" },
	{ NULL, 4226, "sccache" },               { NULL, 3632, "distcc" },
	{ NULL, 5037, "adb" },                   { NULL, 10245, "icecc" },
};

/* Clients that hand their work to a daemon behind a loopback port of its own choice. */
static const struct {
	const char *comm, *in_argv; /* NULL: any */
	const char *name;
} clients[] = {
	{ NULL, "org.gradle.", "Gradle" }, { NULL, "gradle-wrapper.jar", "Gradle" },
	{ "bazel", NULL, "Bazel" },        { "mvnd", NULL, "mvnd" },
	{ "sccache", NULL, "sccache" },
};

static bool ends_with(struct bytes bytes, const char *end)
{
	size_t len = strlen(end);
	return bytes.len >= len && memcmp(bytes.data + bytes.len - len, end, len) == 0;
}

static const char *daemon_of_peer(const struct peer *peer)
{
	bool is_unix = strcmp(peer->family, "unix") == 0;
	for (size_t i = 0; i < sizeof daemons / sizeof *daemons; i++) {
		bool same = daemons[i].path_end ?
			is_unix && ends_with(name_bytes(peer->address), daemons[i].path_end) :
			!is_unix && daemons[i].port == peer->port;
		if (same)
			return daemons[i].name;
	}
	return NULL;
}

static const char *daemon_of_client(const struct model *model, const struct peer *peer)
{
	const struct process *process = proctree_find(&model->proctree, peer->process);
	bool loopback = bytes_begin_with(name_bytes(peer->address), "127.") ||
			bytes_equal(name_bytes(peer->address), bytes_of_string("::1"));
	if (!process || !process->image || !loopback)
		return NULL;
	struct bytes argv = name_bytes(process->image->argv);
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
		if ((!clients[i].comm || strcmp(process->comm, clients[i].comm) == 0) &&
		    (!clients[i].in_argv ||
		     (argv.len && memmem(argv.data, argv.len, clients[i].in_argv, strlen(clients[i].in_argv)))))
			return clients[i].name;
	return NULL;
}

static void note_daemon(struct model *model, const struct peer *peer)
{
	if (peer->op != NETWORK_CONNECT || peer->count == peer->failures || !peer->family ||
	    !peer->address)
		return;
	const char *name = daemon_of_peer(peer);
	if (!name)
		name = daemon_of_client(model, peer);
	if (!name)
		return;
	struct strbuf text = { 0 };
	strbuf_addf(&text, "%s was reached at ", name);
	strbuf_add(&text, peer->address->data, peer->address->len);
	if (peer->port >= 0)
		strbuf_addf(&text, ":%lld", (long long)peer->port);
	strbuf_add_string(&text, ": what it did for this process is not in this report");
	coverage_add(&model->coverage, model->run.elapsed_ns, peer->process,
		     bytes_of_string("daemon-socket"), strbuf_bytes(&text));
	strbuf_free(&text);
}

void daemons_note(struct model *model)
{
	for (uint32_t i = 0; i < model->network.count; i++)
		note_daemon(model, &model->network.peers[i]);
}
