#!/usr/bin/env bash
# Run .ci/lean.sh on a Debian for ARM64, emulated by QEMU: 'make test-arm64'. Run again, it goes on with what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(realpath -m "${ARM64_ROOT:-.arm64}")
suite=${ARM64_SUITE:-bookworm}
inside=/vidcls

stop() {
    echo "$1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || stop "test-arm64 needs root, for chroot and debootstrap: run it with sudo"
for tool in debootstrap qemu-aarch64-static update-binfmts; do
    command -v "$tool" >/dev/null ||
        stop "test-arm64 needs $tool: run 'apt-get install debootstrap qemu-user-static binfmt-support'"
done
if [ "$(uname -m)" != aarch64 ]; then
    mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    update-binfmts --enable qemu-aarch64 2>/dev/null || true
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] ||
        stop "this kernel runs no ARM64 programs: binfmt_misc has no qemu-aarch64, see update-binfmts(8)"
fi

if [ ! -e "$root/.made" ]; then
    rm -rf "$root"
    debootstrap --arch=arm64 --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
        "$suite" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    touch "$root/.made"
fi

cp /etc/resolv.conf "$root/etc/resolv.conf"
# What pip trusts here, it has to trust there.
certificate=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
cp "$certificate" "$root/etc/pip-certificates.crt"

rm -rf "$root$inside/sdk" "$root$inside/tests" "$root$inside/dist" "$root$inside/.lean" "$root$inside/.ci"
mkdir -p "$root$inside"
tar -c --exclude=__pycache__ .ci .lean dist docs sdk tests pyproject.toml CONTRIBUTING.md README.md |
    tar -x -C "$root$inside"
# In a mount namespace of its own, so that nothing stays mounted however this ends.
# shellcheck disable=SC2016 # the inner shell expands them
unshare --mount bash -c 'mount -t proc proc "$0/proc" && exec chroot "$@"' "$root" "$root" \
    /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8 OMP_WAIT_POLICY=passive \
    PIP_CERT=/etc/pip-certificates.crt SSL_CERT_FILE=/etc/pip-certificates.crt PIP_DEFAULT_TIMEOUT=180 \
    "$inside/.ci/lean.sh" python3 "$inside/.venv"
