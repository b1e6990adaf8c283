#!/bin/sh
# What a container runs: `start` (the default) or another command of the program, as `deno task NAME`
# does, under the permissions that the configuration needs. Each step takes the place of this shell,
# so that signals reach the program. A generator that fails starts nothing.
set -eu
name=${1:-start}
[ $# -eq 0 ] || shift
case $name in
  token)
    exec deno run -q --cached-only --no-prompt commands/token.ts "$@"
    ;;
  config | permissions)
    exec deno run -q --cached-only --no-prompt --allow-env --allow-read "commands/$name.ts" "$@"
    ;;
esac
command=$(deno run -q --cached-only --no-prompt --allow-env --allow-read commands/launch.ts "$name" --cached-only)
eval "exec $command \"\$@\""
