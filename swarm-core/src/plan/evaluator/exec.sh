# Runs a command on an artifact, which comes on stdin. Works with every POSIX shell and with busybox.
# $1 is the command, $2 the input that the evaluator was made for, if it was made for one.
usual=$(umask)
umask 077
ARTIFACT=$(mktemp "${TMPDIR:-/tmp}/artifact-XXXXXX") || exit 125
trap 'rm -f "$ARTIFACT"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cat >"$ARTIFACT" || exit 125
umask "$usual"
export ARTIFACT
# In two parts, or it would be filled in here as well.
unfilled='{in''put}'
if [ "$2" != "$unfilled" ]; then
    INPUT=$2
    export INPUT
fi
slot='{artifact}'
rest=$1
command=
while :; do
    case $rest in
    *"$slot"*)
        command=$command${rest%%"$slot"*}$ARTIFACT
        rest=${rest#*"$slot"}
        ;;
    *) break ;;
    esac
done
/bin/sh -c "$command$rest" <"$ARTIFACT"
exit $?
