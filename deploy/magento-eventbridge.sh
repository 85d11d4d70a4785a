#!/bin/sh
# Run a command of the bridge as the service does: with its user, group and environment file.
# `agent` changes the store's files and runs Magento's commands as their owner: it runs as root.
# Install it as /usr/local/sbin/magento-eventbridge; it needs root and a running systemd.
#
#   magento-eventbridge doctor
#   magento-eventbridge dead-letters list
#   magento-eventbridge agent install . --run

set -eu

unit=magento-eventbridge.service
program=/opt/magento-eventbridge/bin/magento-eventbridge

if [ "$(id -u)" -ne 0 ]; then
    echo "magento-eventbridge: must be run as root: sudo $0 $*" >&2
    exit 2
fi

# "path (ignore_errors=no)", one for each EnvironmentFile= of the unit.
files=$(systemctl show --property=EnvironmentFiles --value "$unit")
user=$(systemctl show --property=User --value "$unit")
group=$(systemctl show --property=Group --value "$unit")
if [ -z "$user" ]; then
    echo "magento-eventbridge: $unit is not installed, or names no user: see 'systemctl cat $unit'" >&2
    exit 2
fi

# Files of the service are closed to the rest of the world, files in the store need not be.
as_whom="--uid=$user ${group:+--gid=$group} --property=UMask=0007"
if [ "${1:-}" = agent ]; then
    as_whom=--uid=root
fi

set -- "$program" "$@"
while IFS= read -r line; do
    case $line in
        *" (ignore_errors=yes)") set -- --property=EnvironmentFile="-${line% (*}" "$@" ;;
        *" (ignore_errors=no)") set -- --property=EnvironmentFile="${line% (*}" "$@" ;;
    esac
done <<LINES
$files
LINES

# A terminal gets a terminal, as questions and colours need one; a pipe stays a pipe.
if [ -t 0 ] && [ -t 1 ]; then
    set -- --pty "$@"
else
    set -- --pipe "$@"
fi
# Relative paths start in the current folder; "-" as the service's user may not be allowed to enter it.
# SUDO_USER names who ran the command, in the log.
# shellcheck disable=SC2086  # several options; the names of users and groups have no spaces
exec systemd-run --quiet --collect --wait $as_whom --property=WorkingDirectory="-$(pwd)" \
    --setenv=SUDO_USER="${SUDO_USER:-root}" "$@"
