#!/bin/sh
# Print the first Python from 3.11 to 3.13 on this machine, one that can build virtual environments if there is any.
# Plain sh, because an older Python could not even read our modules to say that it is too old.
# PYTHON=/path/to/python makes the choice; else PATH does.

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
candidates="${PYTHON:-python3 python3.13 python3.12 python3.11 python}"

suits() { # candidate, Python code that exits with 0 when it suits
    command -v "$1" >/dev/null 2>&1 && "$1" -c "$2" >/dev/null 2>&1
}

for candidate in $candidates; do
    suits "$candidate" "$supported" && suits "$candidate" 'import ensurepip, venv' && echo "$candidate" && exit 0
done
for candidate in $candidates; do
    suits "$candidate" "$supported" && echo "$candidate" && exit 0
done

found=""
for candidate in $candidates; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case " $found " in *" $version "*) ;; *) found="${found:+$found }$version" ;; esac
done
echo "需要 Python 3.11 至 3.13，本机找到的是：${found:-无}。请安装后再试，或用 PYTHON= 指明其位置。" >&2
echo "Python 3.11 to 3.13 is needed; found here: ${found:-none}. Install one, or name it with PYTHON=." >&2
exit 1
