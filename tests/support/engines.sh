#!/bin/sh
# Puts PgBouncer 1.21 or newer into the folder that is named, unless the machine has one. Where Debian's packages are too
# old, the source of a newer release is built: its packages need a newer C library. Only root can install what that needs.
set -eu
folder=$1
oldest=1.21
newer=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
    echo "No PgBouncer: install $oldest or newer, for example: apt-get install pgbouncer (Debian 13), or name one by PGBOUNCER ($1)"
    exit 0
}

suits() {
    found=$("$1" --version 2> /dev/null | sed -n 's/^PgBouncer //p') && test -n "$found" \
    && test "$(printf '%s\n%s\n' "$oldest" "$found" | sort -V | head -n 1)" = "$oldest"
}

for program in "${PGBOUNCER:-pgbouncer}" /usr/sbin/pgbouncer "$folder/pgbouncer"; do
    if suits "$program"; then exit 0; fi
done
command -v apt-get > /dev/null || say "there is no apt-get"
test "$(id -u)" = 0 || say "only root can install what it is built with"
test -r $keyring || say "this is no Debian"

echo "Building PgBouncer"
apt-get update -qq || say "apt-get update failed"
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' "Release: $VERSION_CODENAME" | head -n 1)
test -n "$mirror" || say "apt-get knows no mirror of Debian $VERSION_CODENAME"
apt-get install -qq --yes --no-install-recommends dpkg-dev gcc libc6-dev libevent-dev make pkg-config > /dev/null \
|| say "what it is built with cannot be installed"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo "deb-src [signed-by=$keyring] $mirror $newer main" > "$work/sources.list"
from="-o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::lists=$work/lists
    -o Dir::Cache=$work/cache -o APT::Sandbox::User=root"
cd "$work"
# shellcheck disable=SC2086 # several words
{ apt-get update -qq $from && apt-get source -qq $from pgbouncer; } > log 2>&1 || { cat log; say "its source cannot be had"; }
cd pgbouncer-*/
{ ./configure --without-openssl --without-cares CFLAGS=-O1 && make -j "$(nproc)" pgbouncer; } > log 2>&1 \
|| { tail -n 20 log; say "it cannot be built"; }
suits ./pgbouncer || say "what was built does not run"
mkdir -p "$folder"
cp pgbouncer "$folder/"
