# Sourced: need_packages NAME… installs the Debian packages that are missing, with sudo where the
# caller is not root. Where there is no apt it says what is needed and goes on.

package_is_missing() {
	case $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) in
	installed) return 1 ;;
	*) return 0 ;;
	esac
}

need_packages() {
	if ! command -v apt-get >/dev/null; then
		echo "no apt-get here; needed are the equivalents of: $*"
		return 0
	fi
	missing=
	for package in "$@"; do
		if package_is_missing "$package"; then
			missing="$missing $package"
		fi
	done
	[ -n "$missing" ] || return 0
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || {
			echo "packages are missing and there is no sudo; as root: apt-get install$missing"
			return 1
		}
		as_root="sudo"
	fi
	echo "== install:$missing"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >/dev/null ||
		echo "apt-get update failed; trying with what is known"
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		install $missing >"${TMPDIR:-/tmp}/ferryd-install.$$" 2>&1 || {
		cat "${TMPDIR:-/tmp}/ferryd-install.$$"
		rm -f "${TMPDIR:-/tmp}/ferryd-install.$$"
		return 1
	}
	rm -f "${TMPDIR:-/tmp}/ferryd-install.$$"
}
