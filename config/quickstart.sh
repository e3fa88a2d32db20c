#!/bin/sh
# ferryd seen at work in one command.
#
#	sh config/quickstart.sh [--once] [FOLDER]
#
# Installs what the build needs, builds a release in build/, and in FOLDER (./ferryd-quickstart
# unless given) sets up a private SFTP server as "the partner", keys, a small configuration and a
# running ferryd. The partner sends a few files, a few are dropped for the partner, and both are seen
# to arrive. ferryd then goes on until Ctrl-C; with --once it ends by itself, with exit status 0
# only if every file arrived intact.
#
# Besides packages and build/, nothing outside FOLDER is touched.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
once=
folder=./ferryd-quickstart
for argument in "$@"; do
	case $argument in
	--once) once=yes ;;
	-*) echo "usage: quickstart.sh [--once] [FOLDER]" >&2; exit 2 ;;
	*) folder=$argument ;;
	esac
done

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
fail() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

# ---- packages and build ----------------------------------------------------------------------------

. "$root/tests/lib/packages.sh"

build() {
	say "packages and build (a minute or two, the first time)"
	need_packages gcc libc6-dev cmake ninja-build pkgconf libuv1-dev libssh2-1-dev libsqlite3-dev \
		libyaml-dev libjansson-dev libpcre2-dev libssl-dev libcurl4-openssl-dev libsystemd-dev openssh-server openssh-client \
		openssh-sftp-server
	log=$root/build/quickstart.log
	mkdir -p "$root/build"
	if ! { cmake -S "$root" -B "$root/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
		-DFERRYD_SANITIZE= -DFERRYD_TESTS=OFF && ninja -C "$root/build"; } >"$log" 2>&1; then
		tail -n 40 "$log"
		fail "the build failed; all of it is in $log"
	fi
	PATH=$root/build:$PATH:/usr/sbin:/sbin
}

# ---- the folder -------------------------------------------------------------------------------------

prepare_folder() {
	case $folder in
	*[\"\\]* | *'
'*) fail "please choose a folder without quotes, backslashes and newlines in its name" ;;
	esac
	if [ -e "$folder" ] && [ ! -e "$folder/.ferryd-quickstart" ]; then
		fail "$folder exists and is not from an earlier quickstart; name another folder"
	fi
	rm -rf "$folder"
	mkdir -p "$folder"
	folder=$(cd "$folder" && pwd)
	[ ${#folder} -le 90 ] || fail "$folder: too long for a unix socket inside; name a shorter folder"
	: >"$folder/.ferryd-quickstart"
	cd "$folder"
	mkdir -p partner/outgoing partner/inbox partner/ssh inbound outbound keys state trace
	chmod 700 partner/ssh keys state
}

make_keys() {
	ssh-keygen -q -t ed25519 -N '' -C quickstart-partner -f partner/ssh/host_key
	ssh-keygen -q -t ed25519 -N '' -C quickstart-ferryd -f keys/partner
	cp keys/partner.pub partner/ssh/authorized_keys
}

# ---- the partner: a private sshd on the loopback ----------------------------------------------------

# Without PAM sshd refuses an account whose password field begins with "!".
pam_setting() {
	if [ "$(id -u)" -eq 0 ] && grep -q "^$(id -un):!" /etc/shadow; then
		echo yes
	else
		echo no
	fi
}

partner_config() {
	cat <<-END
		Port $port
		ListenAddress 127.0.0.1
		HostKey "$folder/partner/ssh/host_key"
		AuthorizedKeysFile "$folder/partner/ssh/authorized_keys"
		PidFile none
		StrictModes no
		UsePAM $(pam_setting)
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		Subsystem sftp internal-sftp
	END
}

partner_answers() {
	ssh-keyscan -T 2 -p "$port" 127.0.0.1 2>/dev/null |
		grep -qF "$(cut -d ' ' -f 2 partner/ssh/host_key.pub)"
}

# A port may be taken: sshd ends, and the next one is tried.
start_partner() {
	if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
		mkdir -m 755 /run/sshd # sshd asks for it; its service would make it
		made_run_sshd=yes
	fi
	for port in $(shuf -i 20000-32000 -n 20); do
		partner_config >partner/ssh/sshd_config
		"$(command -v sshd)" -D -E "$folder/partner/ssh/log" -f "$folder/partner/ssh/sshd_config" &
		partner_pid=$!
		tries=0
		while kill -0 "$partner_pid" 2>/dev/null && [ $tries -lt 100 ]; do
			if partner_answers; then
				printf '[127.0.0.1]:%s %s\n' "$port" \
					"$(cut -d ' ' -f 1,2 partner/ssh/host_key.pub)" >known_hosts
				return 0
			fi
			tries=$((tries + 1))
			sleep 0.1
		done
		kill "$partner_pid" 2>/dev/null || :
	done
	cat partner/ssh/log
	fail "the partner's sshd does not start"
}

# ---- ferryd -----------------------------------------------------------------------------------------

write_configuration() {
	cat >ferryd.yaml <<-END
		version: 1

		daemon:
		  state_dir: "$folder/state"           # database of every file's state, and the spool
		  socket: "$folder/control.sock"       # where ferryctl talks to ferryd

		trace:                                  # what was said on a connection, kept when it fails
		  dir: "$folder/trace"

		endpoints:
		  partner:
		    protocol: sftp
		    host: 127.0.0.1
		    port: $port
		    user: "$(id -un)"
		    auth:
		      - publickey: {key: "$folder/keys/partner"}
		    host_key: {known_hosts: "$folder/known_hosts"}

		routes:
		  from-partner:                         # looks every second, fetches, removes at the partner
		    from:
		      endpoint: partner
		      path: "$folder/partner/outgoing"
		      poll: 1s
		      ready: {stable_for: 2s}           # complete when two looks 2 s apart agree
		      after: delete
		    to:
		      - {path: "$folder/inbound"}

		  to-partner:                           # watched: what is dropped here is pushed at once
		    from: {path: "$folder/outbound", after: delete}
		    to:
		      - {endpoint: partner, path: "$folder/partner/inbox"}
	END
}

ctl() { ferryctl --socket "$folder/control.sock" "$@"; }

# until_true SECONDS WHAT COMMAND…: polls a condition, with a deadline.
until_true() {
	seconds=$1 what=$2
	shift 2
	deadline=$(($(date +%s) + seconds))
	until "$@"; do
		kill -0 "$ferryd_pid" 2>/dev/null || { cat ferryd.log; fail "ferryd ended while waiting for $what"; }
		if [ "$(date +%s)" -gt "$deadline" ]; then
			tail -n 20 ferryd.log
			ctl jobs || :
			fail "$what: not within $seconds seconds"
		fi
		sleep 0.1
	done
}

answers() { ctl status >/dev/null 2>&1; }

start_ferryd() {
	ferryd --config "$folder/ferryd.yaml" >ferryd.log 2>&1 &
	ferryd_pid=$!
	until_true 30 "ferryd to answer" answers
}

stop_all() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "${ferryd_pid:-}" ]; then
		kill "$ferryd_pid" 2>/dev/null || :
		wait "$ferryd_pid" || :
	fi
	if [ -n "${partner_pid:-}" ]; then
		kill "$partner_pid" 2>/dev/null || :
		wait "$partner_pid" 2>/dev/null || :
	fi
	[ -z "${made_run_sshd:-}" ] || rmdir /run/sshd 2>/dev/null || :
	exit "$status"
}

# ---- files there and back ---------------------------------------------------------------------------

# produce DIRECTORY NAME BYTES: written aside, then moved into place, as applications should. What
# was sent is noted in sent/ before it becomes visible.
produce() {
	mkdir -p "sent/$1"
	head -c "$3" /dev/urandom >"sent/$1/$2"
	cp "sent/$1/$2" "$1/.writing"
	mv "$1/.writing" "$1/$2"
}

send_files() {
	say "the partner sends, and files are dropped for the partner"
	produce partner/outgoing 'invoice 2024-11.xml' 4711
	produce partner/outgoing 'Grüße & Küsse.csv' 33
	produce partner/outgoing 'empty.flag' 0
	produce partner/outgoing '-dash (1).txt' 1
	produce partner/outgoing 'year-end.tar' 20000000
	produce outbound 'payroll.pgp' 65537
	produce outbound 'it'\''s "quoted".txt' 512
	produce outbound 'nothing.done' 0
	produce outbound 'scan.tiff' 8388608
	ls -l partner/outgoing outbound
}

# arrived SENT PLACE: every file that was sent is there, and no longer where it came from.
arrived() {
	for file in "sent/$1/"* "sent/$1/".[!.]*; do
		[ -e "$file" ] || continue
		[ -e "$2/${file##*/}" ] && [ ! -e "$1/${file##*/}" ] || return 1
	done
}

# compare SENT PLACE: byte for byte, nothing more and nothing less.
compare() {
	(cd "sent/$1" && find . -type f -exec sha256sum {} + | sort) >"sent/expected"
	(cd "$2" && find . -type f -exec sha256sum {} + | sort) >"sent/found"
	diff "sent/expected" "sent/found" || fail "$2 does not hold what was sent"
	echo "$2: $(wc -l <sent/found) files, every SHA-256 as sent"
}

show_and_check() {
	until_true 90 "all files at their destinations" arrived partner/outgoing inbound
	until_true 90 "all files at the partner" arrived outbound partner/inbox
	say "what ferryd says (ferryctl jobs)"
	ctl jobs
	say "what arrived"
	compare partner/outgoing inbound
	compare outbound partner/inbox
}

what_next() {
	say "ferryd is running; Ctrl-C ends it. In another terminal:"
	cat <<-END
		cd '$folder'
		cp /etc/hostname outbound/                # pushed at once: partner/inbox/hostname
		cp /etc/hostname partner/outgoing/        # fetched: inbound/hostname
		alias fc='$root/build/ferryctl --socket $folder/control.sock'
		fc status;  fc routes;  fc jobs;  fc show 1
		fc pause to-partner;  fc resume to-partner;  fc poll from-partner
		less ferryd.yaml                           # change it, then: fc reload
		tail -f ferryd.log
	END
	while kill -0 "$ferryd_pid" 2>/dev/null; do
		wait "$ferryd_pid" || break
	done
}

trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
build
umask 077
prepare_folder
make_keys
say "the partner: an SFTP server of its own on 127.0.0.1"
start_partner
echo "port $port, host key $(ssh-keygen -l -f partner/ssh/host_key.pub | cut -d ' ' -f 2)"
say "ferryd, with $folder/ferryd.yaml"
write_configuration
start_ferryd
ctl status
send_files
show_and_check
if [ -z "$once" ]; then
	what_next
fi
