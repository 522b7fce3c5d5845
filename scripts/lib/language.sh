#!/usr/bin/env bash
# Runs a function of a language, prepared and beside the host of the scenarios: `language.sh LANGUAGE FUNCTION [ARG...]`.
#
# It is a process of its own, so that what fails ends it: in a function that is called within a condition bash goes on
# after a failed build, and tests the last one. Returns 77 after `SKIP LANGUAGE: reason` where it cannot run here.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ROOT="$PWD"
SKIPPED=77

# shellcheck source=scripts/lib/cargo.sh
source scripts/lib/cargo.sh
# shellcheck source=scripts/lib/languages.sh
source scripts/lib/languages.sh

language="$1"
# shellcheck source=/dev/null
source "scripts/lib/$language.sh"
language_ready "$language"
"${language}_prepare"
"${@:2}"
