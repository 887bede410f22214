#!/usr/bin/env bash
# 17_ftp.sh - FTP by RFC 6384: real clients on the IPv6-only host, vsftpd on the IPv4-only server
#
#   curl, lftp, tnftp, ftplib (2001:db8:1::2) ---- gw: EPSV <-> PASV, EPRT <-> PORT ---- vsftpd (198.51.100.10:21)
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
LAB_TOOLS="$LAB_TOOLS vsftpd lftp tnftp openssl"
FTP=$LAB_ROOT/tests/lab/ftp.py

lab_begin "FTP through NAT64"
must "the lab stands" lab_up

# Anonymous, with a directory to write to; $1 the name, then further lines of its configuration.
ftp_server() {
	local conf=$LAB_DIR/$1.conf
	cat >"$conf" <<-END
		listen=YES
		listen_ipv6=NO
		background=NO
		anonymous_enable=YES
		local_enable=NO
		write_enable=YES
		anon_upload_enable=YES
		anon_other_write_enable=YES
		anon_root=$LAB_DIR/ftp
		no_anon_password=YES
		anon_umask=022
		seccomp_sandbox=NO
		secure_chroot_dir=$LAB_DIR/ftp-empty
		ftp_username=ftp
		connect_from_port_20=YES
		xferlog_enable=YES
		xferlog_std_format=NO
		vsftpd_log_file=$LAB_DIR/vsftpd.log
		log_ftp_protocol=YES
	END
	shift
	printf '%s\n' "$@" >>"$conf"
	background "$SERVER_NS" vsftpd "$conf"
}
mkdir -p "$LAB_DIR/ftp/upload" "$LAB_DIR/ftp-empty"
chown ftp "$LAB_DIR/ftp/upload"
cp "$LAB_DIR/www/big" "$LAB_DIR/ftp/big"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ftp.lab.example -keyout "$LAB_DIR/ftp.pem" \
	-out "$LAB_DIR/ftp.crt" 2>/dev/null && cat "$LAB_DIR/ftp.crt" >>"$LAB_DIR/ftp.pem"
ftp_server plain listen_address=$WEB4
ftp_server tls listen_address=198.18.0.10 ssl_enable=YES allow_anon_ssl=YES force_anon_data_ssl=YES \
	force_anon_logins_ssl=YES require_ssl_reuse=NO rsa_cert_file="$LAB_DIR/ftp.pem"
must "the IPv4 server serves its own network" wait_for 5 server curl -sS -f -m 5 -o /dev/null "ftp://$WEB4/"
must "... and over TLS" wait_for 5 server curl -sS -f -m 5 -k --ssl-reqd -o /dev/null "ftp://198.18.0.10/"

URL="ftp://[$WEB64]"
TLS64=64:ff9b::c612:a
got() { same "$(hash_of "$LAB_DIR/out/ftp")" "$BIG_HASH"; }
put_there() { same "$(hash_of "$LAB_DIR/ftp/upload/$1")" "$BIG_HASH"; }
curl_ftp() { client curl -sS -m 60 "$@"; }
fetch() { rm -f "$LAB_DIR/out/ftp" && curl_ftp "$@" -o "$LAB_DIR/out/ftp" "$URL/big" && got; }
store() { rm -f "$LAB_DIR/ftp/upload/curl" && curl_ftp "$@" -T "$LAB_DIR/ftp/big" "$URL/upload/curl" && put_there curl; }
list() { prints ' big$' curl_ftp "$@" "$URL/"; }
with_lftp() {
	client lftp -c "set net:max-retries 1; set net:timeout 20; set ftp:ssl-allow no; $1; open $URL; $2"
}
lftp_both() {
	rm -f "$LAB_DIR/out/ftp" "$LAB_DIR/ftp/upload/lftp"
	with_lftp "$1" "get /big -o $LAB_DIR/out/ftp; put $LAB_DIR/ftp/big -o /upload/lftp" && got && put_there lftp
}
tnftp_get() {
	rm -f "$LAB_DIR/out/ftp"
	client tnftp "$@" -o "$LAB_DIR/out/ftp" "$URL/big" && got
}
counted() { prints " [1-9][0-9]* *$1\\b" isthmus counters; }
python_ftp() { client python3 "$FTP" "$WEB64" "$@"; }

all_modes() {
	step "curl: EPSV, download" fetch
	step "curl: EPSV, upload" store
	step "curl: EPSV, list" list
	step "curl: EPRT, download" fetch --ftp-port -
	step "curl: EPRT, upload" store --ftp-port -
	step "curl: EPRT, list" list --ftp-port -
	step "lftp: passive" lftp_both "set ftp:passive-mode on"
	step "lftp: active" lftp_both "set ftp:passive-mode off"
	step "tnftp: passive" tnftp_get -p
	step "tnftp: active" tnftp_get -A
	step "ftplib: passive and active, down and up" python_ftp modes "$BIG_HASH" "$LAB_DIR/ftp/big"
}

section "Every client, every mode"
lab_config dedicated
must "the gateway serves" lab_gateway
capture "$CLIENT_NS" uplink ftp-client -s 0 tcp port 21
capture "$SERVER_NS" uplink ftp-server -s 0 tcp port 21
all_modes
step "the server heard PORT with the pool's address" prints 'PORT 192,0,2,64,' grep -h 'FTP command.*PORT' "$LAB_DIR/vsftpd.log"
step "... and PASV" prints PASV grep -h -m 1 'FTP command.*PASV' "$LAB_DIR/vsftpd.log"
step "... and never EPSV or EPRT of the client" not grep -q "command: Client \"$POOL4\", \"EP" "$LAB_DIR/vsftpd.log"
step "counted: followed" counted followed
step "counted: epsv" counted epsv
step "counted: eprt" counted eprt

section "The commands of RFC 6384"
step "ALGS, EPSV ALL, EPSV 1, a privileged port" python_ftp commands
step "one byte in a segment, and pipelined" python_ftp bytes

section "TLS: left alone from AUTH on"
tls() {
	client curl -sS -m 60 -k --ssl-reqd -o "$LAB_DIR/out/ftp" "ftp://[$TLS64]/big" "$@" && got
}
step "EPSV over TLS, with a server that knows it" tls
step "counted: transparent_auth" counted transparent_auth
step "the server heard EPSV as it was" prints EPSV grep -h "command: Client \"$POOL4\", \"EPSV" "$LAB_DIR/vsftpd.log"
step "AUTH refused: the next command is changed again" python_ftp auth
captures_end

section "Without any offload: checksums on the wire"
for device in "$CLIENT_NS uplink" "$GW_NS lan6" "$GW_NS wan4" "$SERVER_NS uplink"; do
	# shellcheck disable=SC2086
	set -- $device
	ip netns exec "$1" ethtool -K "$2" rx off tx off tso off gso off gro off >/dev/null 2>&1
done
capture "$CLIENT_NS" uplink sums-client -s 0 tcp port 21
capture "$SERVER_NS" uplink sums-server -s 0 tcp port 21
all_modes
step "one byte in a segment, and pipelined" python_ftp bytes
captures_end
sums_are_right() {
	tcpdump -n -vv -r "$LAB_DIR/$1.pcap" 2>/dev/null >"$LAB_DIR/out/sums"
	grep -c 'cksum.*(correct)' "$LAB_DIR/out/sums"
	grep -q 'cksum.*(correct)' "$LAB_DIR/out/sums" && not grep -m 5 'cksum.*incorrect' "$LAB_DIR/out/sums"
}
step "all are right at the client" sums_are_right sums-client
step "all are right at the server" sums_are_right sums-server
step "PASV is on the wire where EPSV was" some_packets sums-server "tcp[((tcp[12]&0xf0)>>2):4]=0x50415356"
step "... and EPSV on the other" some_packets sums-client "ip6[40+((ip6[52]&0xf0)>>2):4]=0x45505356"

section "Switched off by a reload"
sed -i 's/^nat64:/nat64:\n  ftp-alg: false/' "$LAB_DIR/isthmus.yaml"
step "the reload is taken" isthmus reload
step "EPSV goes to the server as it is" python_ftp off
lab_end
