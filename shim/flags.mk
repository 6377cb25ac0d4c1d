# How the shim is compiled and linked: a freestanding object that loads under any libc of its machine.
# No DT_NEEDED, no relocation but those of a few weak symbols, no thread-local storage, two segments.

SHIM_CFLAGS := -O2 -g -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
	-Ishim -ffreestanding -fno-builtin -fPIC -fvisibility=hidden -fno-plt -fno-stack-protector \
	-fno-strict-aliasing -fasynchronous-unwind-tables \
	-fcf-protection=return -mgeneral-regs-only -fomit-frame-pointer -ffixed-rbp \
	-fno-tree-loop-distribute-patterns -fno-tree-vectorize

SHIM_LDFLAGS := -shared -nostdlib -Wl,-soname,ptwrap-shim.so -Wl,-init,shim_init -Wl,--no-undefined \
	-Wl,-z,initfirst -Wl,-z,now -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-z,noseparate-code \
	-Wl,-z,max-page-size=4096 -Wl,--hash-style=both -Wl,--version-script=shim/exports.map \
	-Wl,--strip-debug -Wl,-T,shim/layout.ld -Wl,--eh-frame-hdr -Wl,-z,shstk -Wl,--build-id=sha1
