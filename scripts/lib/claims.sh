# shellcheck shell=bash
# What the claims of `scripts/show.sh` need besides the workspace's binaries. `need_NAME` installs what a claim needs
# and returns 0, or prints `SKIP NAME: reason` and returns 1. `claim_NAME` is a claim that is a script of its own.

list_claims() {
    build_show
    "$(binary_dir)/show" --list
}

build_show() {
    cargo build --quiet "${WHOLE[@]}" --bins
}
