# shellcheck shell=bash
# Swift 6 for Linux: `source` this, call `swift_toolchain` once, then `swift_run COMMAND...` as often as needed.
#
# Where the machine has Swift 6 of its own, that is used. Elsewhere Debian's packages are unpacked into a root of their
# own below `.cache/swift`, and what runs there runs in a mount namespace: nothing is installed, and `rm -rf
# .cache/swift` takes everything away. The root has about 1.3 GB and takes one to two minutes to make.
#
# The mirror is the one that the machine's own apt uses.

SWIFT_PROJECT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
SWIFT_CACHE="$SWIFT_PROJECT/.cache/swift"
SWIFT_SKIPPED=77

# The release of Debian that has Swift 6, and what of it is needed: the compiler, the C library's headers, the C++
# library it links with, and a shell for the package manager.
SWIFT_RELEASE=trixie
SWIFT_PACKAGES=(swiftlang libc6-dev libstdc++-14-dev bash coreutils)

# Makes the toolchain ready, or says `SKIP swift: reason` and returns 77.
swift_toolchain() {
    [ "$(uname -s)" = Linux ] || { swift_skip "the package's tests run on Linux"; return; }
    if swift_is_native; then return 0; fi
    swift_can_make_root || return
    [ "$(cat "$SWIFT_CACHE/root.stamp" 2>/dev/null)" = "$(swift_root_stamp)" ] && return 0
    echo "unpacking Swift into .cache/swift (1.3 GB, a minute or two) ..." >&2
    rm -rf "$SWIFT_CACHE/root" "$SWIFT_CACHE/root.stamp" "$SWIFT_CACHE/apt"
    mkdir -p "$SWIFT_CACHE"
    if ! (set -e; swift_download; swift_unpack) >"$SWIFT_CACHE/root.log" 2>&1; then
        echo "SKIP swift: the toolchain cannot be unpacked; .cache/swift/root.log says why"
        return "$SWIFT_SKIPPED"
    fi
    rm -rf "$SWIFT_CACHE/apt"
    swift_root_stamp >"$SWIFT_CACHE/root.stamp"
}

# swift_run COMMAND...: runs it with the toolchain in the present folder. The project has the same path inside, and the
# network is the machine's; of the environment only KEEPLINE_* comes along.
swift_run() {
    if swift_is_native; then
        "$@"
        return
    fi
    local root="$SWIFT_CACHE/root" name environment=()
    for name in "${!KEEPLINE_@}"; do environment+=("$name=${!name}"); done
    mkdir -p "$root$SWIFT_PROJECT"
    # `--kill-child` ends everything inside when this is ended. `exec` keeps one process less between.
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child bash -c '
        set -e
        root="$1" project="$2" folder="$3"
        shift 3
        mount --bind "$project" "$root$project"
        mount -t proc proc "$root/proc"
        exec chroot "$root" /usr/bin/env -i "$@"
    ' swift-root "$root" "$SWIFT_PROJECT" "$PWD" \
        PATH=/usr/libexec/swift/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
        "${environment[@]}" \
        bash -c 'cd "$1" && shift && exec "$@"' swift-root "$PWD" "$@"
}

swift_is_native() {
    command -v swift >/dev/null && swift --version 2>/dev/null | grep -Eq 'Swift version ([6-9]|[1-9][0-9])\.'
}

swift_can_make_root() {
    local tool
    for tool in apt-get dpkg-deb unshare chroot; do
        command -v "$tool" >/dev/null || { swift_skip "there is no Swift 6, and no $tool to unpack one"; return; }
    done
    [ "$(id -u)" = 0 ] || { swift_skip "there is no Swift 6, and a root of its own needs the rights of root"; return; }
    unshare --mount --pid --fork true 2>/dev/null || { swift_skip "unshare is not allowed here"; return; }
    [ -n "$(swift_mirror)" ] || { swift_skip "apt has no mirror of Debian"; return; }
}

swift_skip() {
    echo "SKIP swift: $1"
    return "$SWIFT_SKIPPED"
}

# Debian's mirror as the machine's own apt has it.
swift_mirror() {
    # The words in $(...) are apt's.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -E '/debian/?$' | head -n 1
}

# Another list of packages, or another way to unpack them, is another root.
swift_root_stamp() {
    { echo "$SWIFT_RELEASE ${SWIFT_PACKAGES[*]}"; declare -f swift_unpack swift_unpack_one; } |
        sha256sum | cut -d ' ' -f 1
}

# Downloads the packages and what they need, by an apt with lists, status and archives of its own.
swift_download() {
    local apt="$SWIFT_CACHE/apt" key
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/sources"
    : >"$apt/status"
    for key in /usr/share/keyrings/debian-archive-keyring.*; do break; done
    echo "deb [signed-by=$key] $(swift_mirror) $SWIFT_RELEASE main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::State::Status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::Archives "$apt/archives";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/sources";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Retries "3";
Acquire::Languages "none";
CONF
    # The machine's own settings may delete archives after each run; what apt only downloads stays.
    APT_CONFIG="$apt/apt.conf" apt-get -q update
    APT_CONFIG="$apt/apt.conf" apt-get -q -y --download-only install "${SWIFT_PACKAGES[@]}"
}

swift_unpack() {
    local root="$SWIFT_CACHE/root" package link
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{dev,proc,etc,tmp}
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
    for package in "$SWIFT_CACHE"/apt/archives/*.deb; do swift_unpack_one "$package" "$root"; done
    mknod -m 666 "$root/dev/null" c 1 3
    mknod -m 666 "$root/dev/urandom" c 1 9
    chmod 1777 "$root/tmp"
    echo 'root:x:0:0:root:/tmp:/bin/bash' >"$root/etc/passwd"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    swift_run swiftc --version
}

# swift_unpack_one PACKAGE ROOT: without documents, debugger, language servers and the parts for other targets.
swift_unpack_one() {
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
        --exclude='*lldb*' --exclude='*clangd*' --exclude='*sourcekit*' --exclude='*docc*' \
        --exclude='*swift-format*' --exclude='*/swift/embedded*' --exclude='*/lib/swift_static/*'
}
