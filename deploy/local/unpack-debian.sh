#!/usr/bin/env bash
# Unpacks Debian packages of another suite, and everything they depend on, into a directory of their own:
#
#   deploy/local/unpack-debian.sh unstable DIRECTORY PACKAGE...
#
# For servers that this machine's own suite does not have. It needs no root, installs nothing, and leaves the machine's
# apt as it is; the packages come from the mirror that this machine uses already, and apt checks their signatures.
# Programs are started with the loader and the libraries in that directory. What is there is kept.
set -euo pipefail

[[ $# -ge 3 ]] || { echo "usage: $0 SUITE DIRECTORY PACKAGE..." >&2; exit 2; }
suite=$1 target=$2
shift 2
[[ -e "$target" ]] && exit 0
mkdir -p -m 700 "$(dirname "$target")"

# Beside its place, so that it comes to be there whole or not at all.
scratch=$(mktemp -d "$(dirname "$target")/unpacking-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"/{root,state/lists/partial,cache/archives/partial,preferences.d}
# As if nothing were installed: then apt brings everything that is needed, down to the C library.
touch "$scratch/status"

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
[[ -n "$mirror" ]] || { echo "apt knows no mirror of Debian" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$scratch/sources.list"
cat >"$scratch/apt.conf" <<CONFIGURATION
Dir::Etc::sourcelist "$scratch/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$scratch/preferences.d";
Dir::State "$scratch/state";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch/cache";
# A mirror that is not renewed for a while keeps its signature and loses its date only.
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONFIGURATION

export APT_CONFIG="$scratch/apt.conf"
log="$scratch/log"
if ! { apt-get update && apt-get install --yes --download-only "$@"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
for package in "$scratch"/cache/archives/*.deb; do
  dpkg-deb --extract "$package" "$scratch/root"
done
mv --no-target-directory "$scratch/root" "$target" 2>/dev/null || [[ -d "$target" ]]
