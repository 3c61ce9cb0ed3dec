# SPDX-License-Identifier: GPL-2.0
# For the tests of this folder: run vmm, and hold what it did against what it
# should have done. A function expect_... that finds something else ends the
# test, and shows what the run said.
#
# Each test is a function test_NAME; main "$@" calls the one that is asked for.
# shellcheck shell=sh disable=SC2034 # what a run left is for its caller

LINUX=${LINUX:-/guest/linux-6.1}
INITRD=/tests/boot/initrd
ENDING=/tests/guest/ending.elf
PTY=/tests/boot/pty
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run COMMAND...: leaves $status, $work/out and $work/err. Reads nothing.
run() {
	what="$*"
	"$@" > "$work/out" 2> "$work/err" < /dev/null
	status=$?
}

# linux COMMAND [OPTION]...: a Linux guest that runs this command and powers off.
linux() {
	guest_command=$1
	shift
	run vmm run "$LINUX" -t 200 -o boot.initrd="$INITRD" "$@" -o \
		"boot.cmdline=console=ttyS0 quiet ${append:-} vmm.run=\"$guest_command\""
}

# ending ARGUMENT... [-- OPTION...]: the bare-metal guest that ends as it is told.
ending() {
	arguments=serial
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		arguments="$arguments $1"
		shift
	done
	[ $# -eq 0 ] || shift
	run vmm run "$ENDING" -t 30 -o "boot.cmdline=$arguments" "$@"
}

# fail WHAT: the end of the test.
fail() {
	echo "$what"
	echo "$1"
	echo "--- exit status $status; the end of its output:"
	tail -n 90 "$work/out"
	echo "--- and of its error output:"
	tail -n 60 "$work/err"
	exit 1
}

expect_status() {
	[ "$status" = "$1" ] || fail "exit status $status instead of $1"
}

# expect_out PATTERN: a line of the guest's console, extended regular expression.
expect_out() {
	tr -d '\r' < "$work/out" | grep -qE -- "$1" || fail "no '$1' in its output"
}

expect_no_out() {
	! tr -d '\r' < "$work/out" | grep -qE -- "$1" || fail "'$1' in its output"
}

expect_err() {
	grep -qE -- "$1" "$work/err" || fail "no '$1' in its error output"
}

# expect_quiet: vmm had nothing to say.
expect_quiet() {
	[ ! -s "$work/err" ] || fail "something in its error output"
}

# expect_one_line PATTERN: exit status 125 and this line alone.
expect_one_line() {
	expect_status 125
	[ "$(wc -l < "$work/err")" = 1 ] || fail "not one line of error output"
	expect_err "$1"
}

main() {
	test="test_$1"
	shift
	"$test" "$@"
}
