#!/usr/bin/env bats
# Runtimes that are hard on tracers, with threads, handlers, children and calls of their own making: what they print and how they
# end is what it is without ptwrap.
# shellcheck disable=SC2016 # perl and others expand what stands in single quotes

bats_require_minimum_version 1.5.0
load helper

# as_native COMMAND...: output and status are the same with and without ptwrap.
as_native() {
	local option native wrapped
	native=$(timeout 100 "$@" 2>&1; echo "status $?")
	[[ $native == *'status 0' ]] || same 'end without ptwrap' 'status 0' "$native"
	for option in --level=audit --level=all --level=exec --no-shim; do
		wrapped=$(timeout 100 "$PTWRAP" -q "$option" "$@" 2>&1; echo "status $?")
		same "output under $option" "$native" "$wrapped"
	done
}

@test "perl: children, pipes, alarms, signals" {
	needs perl
	as_native perl -MPOSIX -e '$| = 1;
		my $seen; $SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) { $seen = $? >> 8 } };
		fork or POSIX::_exit(3); select undef, undef, undef, 0.01 until $seen; print "child ended with $seen\n";
		$SIG{CHLD} = "DEFAULT"; print `echo from a shell`, $?, "\n"; open my $p, "-|", "seq 3" or die; print <$p>; close $p;
		eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; select undef, undef, undef, 20; }; print $@;
		system "sh", "-c", "kill -TERM \$\$"; print $? & 127, "\n"; exec "echo", "done"'
}

@test "node: workers, children, timers" {
	needs node
	cat >script.js <<-'SCRIPT'
		const { Worker, isMainThread, parentPort } = require('worker_threads');
		const { spawn, execFileSync } = require('child_process');
		if (!isMainThread) { parentPort.postMessage(require('fs').readFileSync('/proc/self/comm').length > 0); } else {
			let left = 6;
			const over = (what) => { console.log(what); if (--left === 3) setTimeout(children, 1); if (left === 0) process.exit(0); };
			for (let i = 0; i < 3; i++) new Worker(__filename).on('message', (m) => over('worker ' + m));
			const children = () => {
				console.log(execFileSync('sh', ['-c', 'echo sync']).toString().trim());
				const child = spawn('sh', ['-c', 'echo async; exit 4']);
				child.on('close', (code) => { over('child ' + code);
					spawn('/nonexistent').on('error', (e) => { over(e.code); process.kill(process.pid, 'SIGUSR2'); }); });
			};
			process.on('SIGUSR2', () => over('signal'));
		}
	SCRIPT
	as_native node script.js
}

@test "java: threads, exceptions by faults, children" {
	needs java javac
	cat >Script.java <<-'SCRIPT'
		public class Script {
			static Object nothing;
			public static void main(String[] arguments) throws Exception {
				int[] sum = new int[1];
				Thread[] threads = new Thread[20];
				for (int i = 0; i < threads.length; i++)
					(threads[i] = new Thread(() -> { synchronized (sum) { sum[0]++; } })).start();
				for (Thread thread : threads) thread.join();
				int caught = 0;
				for (int i = 0; i < 20000; i++)
					try { nothing.hashCode(); } catch (NullPointerException e) { caught++; }
				System.out.println(sum[0] + " " + caught);
				System.out.println(new ProcessBuilder("sh", "-c", "exit 5").start().waitFor());
				try { new ProcessBuilder("/nonexistent").start(); } catch (java.io.IOException e) { System.out.println("none"); }
			}
		}
	SCRIPT
	javac Script.java
	as_native java -Xshare:auto Script
}

@test "sanitizers: threads and undefined behaviour are found as ever" {
	local compiler kind made=0
	cat >race.c <<-'SOURCE'
		#include <pthread.h>
		#include <stdio.h>
		static int shared;
		static void *add(void *n) { for (int i = 0; i < 1000; i++) shared += *(int *)n; return NULL; }
		int main(void) { pthread_t t; int n = 2147483; pthread_create(&t, NULL, add, &n); add(&n); pthread_join(t, NULL); puts("end"); return 0; }
	SOURCE
	unset TSAN_OPTIONS UBSAN_OPTIONS ASAN_OPTIONS
	for compiler in gcc clang; do
		for kind in thread undefined; do
			command -v "$compiler" >/dev/null && "$compiler" -g -fsanitize="$kind" -pthread -o race race.c 2>/dev/null || continue
			./race >bare 2>&1 || [ "$kind" = thread ] || continue
			grep -q '^end' bare || continue # this machine's address space is not one for it
			made=1
			for option in --level=audit --level=all --no-shim; do
				timeout 100 "$PTWRAP" -q "$option" ./race >wrapped 2>&1 || :
				same "$compiler $kind $option" "$(grep -cE '^end|^SUMMARY|runtime error' bare)" "$(grep -cE '^end|^SUMMARY|runtime error' wrapped)"
			done
		done
	done
	[ "$made" -eq 1 ] || skip 'no compiler with these sanitizers here'
}
