#!/usr/bin/env bash
# Makes a base image for deploy/Dockerfile where no registry can be reached.
#
#   deploy/base-image.sh debian [NAME]   from the Debian archive, with debootstrap, as root; a few minutes
#   deploy/base-image.sh host [NAME]     from this machine's own files: its Python, the programs below and the
#                                        libraries that they need; seconds. For tests, and where there is no
#                                        archive either. It runs on machines with this one's processor
#
# NAME is nextmini-base:latest unless it is given. Variables: SUITE and MIRROR of the archive, PYTHON, the
# interpreter to take, and PACKAGES, a folder of Python packages to put beside its own, both with `host`.
set -euo pipefail

mode=${1:-} name=${2:-nextmini-base:latest}
suite=${SUITE:-bookworm} mirror=${MIRROR:-http://deb.debian.org/debian}
programs=(sh bash cat cp chmod chown cut date dirname echo env false find grep head hostname id ip iperf3 kill
    ln ls mkdir mv ping ps rm sed sleep sort tail test touch tr true uname wc curl)

fail() { echo "error: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "there is no docker; install it, as in: apt-get install docker.io"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

from_debian() {
    command -v debootstrap >/dev/null || fail "there is no debootstrap; apt-get install debootstrap"
    [ "$(id -u)" = 0 ] || fail "debootstrap needs root: sudo deploy/base-image.sh debian"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$suite" "$root" "$mirror" >&2
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
}

# Puts a file where it is here, with those that its symbolic links lead to.
add() {
    local file=$1 target
    while [ -L "$file" ]; do
        target=$(readlink "$file")
        mkdir -p "$root$(dirname "$file")"
        ln -sfn "$target" "$root$file"
        case $target in /*) file=$target ;; *) file=$(dirname "$file")/$target ;; esac
    done
    mkdir -p "$root$(dirname "$file")"
    [ -e "$root$file" ] || cp -a "$file" "$root$file"
}

libraries() { ldd "$@" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*\) .*/\1/p' | sort -u; }

from_host() {
    local python standard directory program path
    python=$(command -v "${PYTHON:-python3}") || fail "there is no ${PYTHON:-python3}"
    python=$("$python" -c 'import sys; print(sys._base_executable)')
    standard=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    # As on Debian: /bin and the like are links into /usr.
    for directory in bin sbin lib lib64; do
        mkdir -p "$root/usr/$directory"
        [ ! -L "/$directory" ] || ln -s "usr/$directory" "$root/$directory"
    done
    mkdir -p "$root"/{dev,etc,proc,root,run,sys,tmp,var/lib} && chmod 1777 "$root/tmp"
    local files=("$(realpath "$python")")
    add "$python"
    for program in "${programs[@]}"; do
        path=$(type -P "$program") || fail "there is no $program here; install it, or use the mode debian"
        path=$(realpath --no-symlinks "$(realpath "$(dirname "$path")")/$program")
        add "$path"
        files+=("$(realpath "$path")")
    done
    mkdir -p "$root$standard"
    tar -C "$standard" --exclude=./test --exclude=./idlelib --exclude=./tkinter --exclude=__pycache__ \
        --exclude=./dist-packages --exclude=./site-packages --exclude=./config-* -cf - . | tar -C "$root$standard" -xf -
    [ ! -d /usr/share/python-wheels ] || { mkdir -p "$root/usr/share"; cp -a /usr/share/python-wheels "$root/usr/share"; }
    files+=("$standard"/lib-dynload/*.so /lib/*/libnss_{files,dns}.so.2)
    [ -z "${PACKAGES:-}" ] || mapfile -t -O "${#files[@]}" files < <(find "$PACKAGES" -name '*.so*')
    for path in $(libraries "${files[@]}"); do
        case $path in "${PACKAGES:-//}"/*) ;; *) add "$path" ;; esac
    done
    for path in /lib/*/libnss_{files,dns}.so.2 /etc/ld.so.cache /etc/ld.so.conf /etc/protocols /etc/services; do
        [ ! -e "$path" ] || add "$(realpath "$(dirname "$path")")/$(basename "$path")"
    done
    ln -sfn "$python" "$root/usr/bin/python3"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    echo 'multi on' >"$root/etc/host.conf"
    if [ -n "${PACKAGES:-}" ]; then
        local packages
        packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
        mkdir -p "$root$packages" && cp -a "$PACKAGES"/. "$root$packages"
    fi
}

case $mode in
debian) from_debian ;;
host) from_host ;;
*) fail "write deploy/base-image.sh debian [NAME], or deploy/base-image.sh host [NAME]" ;;
esac
tar -C "$root" --numeric-owner -cf - . | docker import --change 'ENV LANG=C.UTF-8' - "$name" >/dev/null
echo "$name"
