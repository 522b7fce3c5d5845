# shellcheck shell=bash
swift_package() { return 0; }
