#!/usr/bin/env bash
# 30_dns64_rules.sh - RFC 6147, section by section, with upstreams that misbehave and zones that are signed
#
#   client: dig ---- gw: resolver ---- server: upstream.py, port 5300: answers, delays, lies by a script
#   2001:db8:1::2, ::d, ::e                    nsd, port 5301: a signed root and signed, expired, forged zones below
#
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

lab_begin "the rules of DNS64"
for tool in dnssec-keygen dnssec-signzone; do
	command -v "$tool" >/dev/null || lab_skip_all "$tool is not installed (tools/install-deps --lab)"
done
must "the lab stands" lab_up
PLAIN6=2001:db8:1::d
OTHER6=2001:db8:1::e
for address in "$PLAIN6" "$OTHER6"; do
	ip -n "$CLIENT_NS" addr add "$address/64" dev uplink nodad preferred_lft 0
done

cat >"$LAB_DIR/script" <<'END'
www.lab.example A : www.lab.example 300 A 45.0.0.10
# s5.1.1
six.s.example AAAA : six.s.example 300 AAAA 2001:db8:2::6
six.s.example A : six.s.example 300 A 45.0.0.6
# s5.1.2
servfail.s.example AAAA rcode=2 :
servfail.s.example A : servfail.s.example 300 A 45.0.0.10
refused.s.example AAAA rcode=5 :
refused.s.example A : refused.s.example 300 A 45.0.0.10
notimp.s.example AAAA rcode=4 :
notimp.s.example A : notimp.s.example 300 A 45.0.0.10
nx.s.example AAAA rcode=3 : / s.example 30 SOA 30
nx.s.example A : nx.s.example 300 A 45.0.0.10
broken.s.example AAAA rcode=2 :
broken.s.example A rcode=2 :
# s5.1.3
drop.s.example AAAA drop :
drop.s.example A : drop.s.example 300 A 45.0.0.10
late.s.example AAAA delay=0.2 : late.s.example 300 AAAA 2001:db8:2::7
late.s.example A : late.s.example 300 A 45.0.0.10
forged.s.example AAAA forged : forged.s.example 300 AAAA 2001:db8:2::8
wrongid.s.example AAAA wrong-id :
wrongid.s.example A : wrongid.s.example 300 A 45.0.0.10
wrongname.s.example AAAA wrong-name : wrongname.s.example 300 AAAA 2001:db8:bad::1
wrongname.s.example A : wrongname.s.example 300 A 45.0.0.10
lame.s.example AAAA lame : / s.example 300 NS ns.elsewhere.example
lame.s.example A : lame.s.example 300 A 45.0.0.10
# s5.1.4
mapped.s.example AAAA : mapped.s.example 300 AAAA ::ffff:192.0.2.1
mapped.s.example A : mapped.s.example 300 A 45.0.0.10
partly.s.example AAAA : partly.s.example 300 AAAA ::ffff:192.0.2.1; partly.s.example 300 AAAA 2001:db8:2::9
# s5.1.5
chain.s.example * : chain.s.example 300 CNAME link.s.example; link.s.example 300 CNAME end.s.example / s.example 30 SOA 30
chain.s.example A : chain.s.example 300 CNAME link.s.example; link.s.example 300 CNAME end.s.example; end.s.example 300 A 45.0.0.10
link.s.example * : link.s.example 300 CNAME end.s.example / s.example 30 SOA 30
link.s.example A : link.s.example 300 CNAME end.s.example; end.s.example 300 A 45.0.0.10
end.s.example A : end.s.example 300 A 45.0.0.10
www.old.s.example * : old.s.example 300 DNAME new.s.example; www.old.s.example 300 CNAME www.new.s.example / s.example 30 SOA 30
www.old.s.example A : old.s.example 300 DNAME new.s.example; www.old.s.example 300 CNAME www.new.s.example; www.new.s.example 300 A 45.0.0.10
www.new.s.example A : www.new.s.example 300 A 45.0.0.10
loop.s.example * : loop.s.example 300 CNAME loop2.s.example
loop2.s.example * : loop2.s.example 300 CNAME loop.s.example
# s5.1.6, s5.1.7
none.s.example TXT : none.s.example 300 TXT nothing-else
minimum.s.example AAAA : / s.example 3600 SOA 20
minimum.s.example A : minimum.s.example 3600 A 45.0.0.10
nosoa.s.example AAAA : / s.example 3600 NS ns.s.example
nosoa.s.example A : nosoa.s.example 3600 A 45.0.0.10
short.s.example A : short.s.example 7 A 45.0.0.10
private.s.example A : private.s.example 300 A 10.9.0.1
ranged.s.example A : ranged.s.example 300 A 10.1.0.1
two.s.example A : two.s.example 300 A 45.0.0.10; two.s.example 300 A 10.1.0.1
cut.s.example AAAA tc : cut.s.example 300 AAAA 2001:db8:2::a
# s5.3
10.0.0.45.in-addr.arpa PTR : 10.0.0.45.in-addr.arpa 300 PTR www.s.example
svc.s.example HTTPS : svc.s.example 300 HTTPS 000100000400042d00000a
many.s.example ANY : many.s.example 300 A 45.0.0.10; many.s.example 300 TXT text
# what the operator exempts
www.corp.example A : www.corp.example 300 A 45.0.0.10
six.always.example AAAA : six.always.example 300 AAAA 2001:db8:2::6
six.always.example A : six.always.example 300 A 45.0.0.10
END

start_upstream() {
	server python3 "$LAB_ROOT/tests/lab/upstream.py" "$NS4" 5300 "$LAB_DIR/script" >"$LAB_DIR/asked" 2>"$LAB_DIR/upstream.err" &
	LAB_PIDS+=($!)
	wait_for 5 server dig +tries=1 +time=1 -p 5300 "@$NS4" www.lab.example A
}
lab_config dedicated
sed -i -e "s|upstream: .*|upstream: [\"$NS4:5300\"]|" -e '/^  dnssec:/,$s/^  allow-non-global: .*/  allow-non-global: false/' "$LAB_DIR/isthmus.yaml"
cp "$LAB_DIR/isthmus.yaml" "$LAB_DIR/base.yaml"
python3 - "$LAB_DIR/isthmus.yaml" <<END
import sys
path = sys.argv[1]
text = open(path).read()
more = """  ranges: [10.1.0.0/16 via 2001:db8:64::/96]
  never-synthesize: [corp.example]
  always-synthesize: [always.example]
  views:
    - { clients: ["$PLAIN6"], prefixes: [] }
    - { clients: ["$OTHER6"], prefixes: ["2001:db8:65::/64"], ptr: direct, never-synthesize: [] }
control:
"""
open(path, "w").write(text.replace("control:\n", more, 1))
END
must "an upstream that does as it is told" start_upstream
must "the gateway serves" lab_gateway

# ask [OPTIONS] NAME TYPE: "CODE: RECORDS / AUTHORITY", names without their last dot, without TTLs, signatures and proofs.
ask() { client dig +tries=1 +time=14 +noall +comments +answer +authority "$@" | python3 "$LAB_DIR/shape.py"; }
cat >"$LAB_DIR/shape.py" <<'END'
import re, sys
text = sys.stdin.read()
code = re.search(r"status: (\w+)", text)
flags = re.search(r"flags: ([a-z ]*);", text)
section, rows = None, {"ANSWER": [], "AUTHORITY": []}
for line in text.splitlines():
    head = re.match(r";; (\w+) SECTION", line)
    if head:
        section = head[1]
    elif line and not line.startswith(";") and section in rows:
        owner, ttl, _, kind, data = line.split(None, 4)
        if kind in ("RRSIG", "NSEC"):
            continue
        if kind == "SOA":
            data = data.split()[-1]
        rows[section].append(" ".join([owner.rstrip("."), kind, data.rstrip(".")]))
print((code[1] if code else "no answer") + (" ad" if flags and " ad" in flags[1] else "") + ": " + "; ".join(sorted(rows["ANSWER"])) +
      (" / " + "; ".join(rows["AUTHORITY"]) if rows["AUTHORITY"] else ""))
END
says() {
	local wanted=$1
	shift
	same "$(ask "$@")" "$wanted"
}
ttl_of() { client dig +noall +answer "$1" AAAA | awk '{ print $2; exit }'; }
ttl_is() { local ttl; ttl=$(ttl_of "$1"); printf 'TTL %s\n' "$ttl"; [ "$ttl" -le "$2" ] && [ "$ttl" -ge $(($2 - 3)) ]; }
in_time() {
	local at_least=$1 at_most=$2 start=${EPOCHREALTIME/[.,]/} ms
	shift 2
	"$@" || return
	ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	printf 'after %s ms\n' "$ms"
	[ "$ms" -ge "$at_least" ] && [ "$ms" -le "$at_most" ]
}
asked() { grep -c " $1 $2\$" "$LAB_DIR/asked"; }
counter() { isthmus counters --all --json | python3 -c '
import json, sys
print(sum(r["value"] for r in map(json.loads, sys.stdin) if r.get("group") == "dns64" and r.get("name") == sys.argv[1]))' "$1"; }
embedded=64:ff9b::2d00:a

section "RFC 6147 s5.1.1 to s5.1.4: what the AAAA lookup brings"
step "real records are given, and nothing is made" says "NOERROR: six.s.example AAAA 2001:db8:2::6" six.s.example AAAA
for what in servfail refused notimp lame wrongname; do
	step "$what: as if the answer were empty" says "NOERROR: $what.s.example AAAA $embedded" "$what.s.example" AAAA
done
step "NXDOMAIN is final, although there is an A record" says "NXDOMAIN:  / s.example SOA 30" nx.s.example AAAA
step "an error of both is an error" says "SERVFAIL: " broken.s.example AAAA
step "a late answer is waited for" says "NOERROR: late.s.example AAAA 2001:db8:2::7" late.s.example AAAA
step "no answer: the A record is used after 3 seconds" in_time 2500 6000 says "NOERROR: drop.s.example AAAA $embedded" drop.s.example AAAA
step "forged answers do not count" says "NOERROR: forged.s.example AAAA 2001:db8:2::8" forged.s.example AAAA
step "nothing but forged answers is no answer" says "NOERROR: wrongid.s.example AAAA $embedded" wrongid.s.example AAAA
step "a cut answer is asked for over TCP" says "NOERROR: cut.s.example AAAA 2001:db8:2::a" cut.s.example AAAA
step "... and it was" grep -q "^tcp cut.s.example AAAA" "$LAB_DIR/asked"
step "only excluded records: synthesis" says "NOERROR: mapped.s.example AAAA $embedded" mapped.s.example AAAA
step "some excluded records: the others" says "NOERROR: partly.s.example AAAA 2001:db8:2::9" partly.s.example AAAA

section "s5.1.5 to s5.1.7: what is made"
step "a chain of CNAME records is kept" says \
	"NOERROR: chain.s.example CNAME link.s.example; end.s.example AAAA $embedded; link.s.example CNAME end.s.example" chain.s.example AAAA
step "a DNAME record is kept" says \
	"NOERROR: old.s.example DNAME new.s.example; www.new.s.example AAAA $embedded; www.old.s.example CNAME www.new.s.example" www.old.s.example AAAA
loop_ends() { local got; got=$(ask loop.s.example AAAA); printf '%s\n' "$got"; case $got in *AAAA*) return 1 ;; SERVFAIL* | NOERROR*) ;; *) return 1 ;; esac; }
step "a loop of CNAME records ends" in_time 0 11000 loop_ends
step "neither AAAA nor A: no data, with the SOA record" says "NOERROR:  / s.example SOA 30" none.s.example AAAA
step "a name that does not exist does not" says "NXDOMAIN:  / s.example SOA 30" nowhere.s.example AAAA
step "TTL: the SOA record's, if lower" ttl_is minimum.s.example 20
step "TTL: the A record's, if lower" ttl_is short.s.example 7
step "TTL: 600 seconds without an SOA record" ttl_is nosoa.s.example 600
step "the well-known prefix never stands for private addresses" says "NOERROR:  / s.example SOA 30" private.s.example AAAA
step "a range has a prefix of its own" says "NOERROR: ranged.s.example AAAA 2001:db8:64::a01:1" ranged.s.example AAAA
step "each A record by its range" says "NOERROR: two.s.example AAAA 2001:db8:64::a01:1; two.s.example AAAA $embedded" two.s.example AAAA

section "s5.3: everything else"
step "PTR: a CNAME and what it leads to" says \
	"NOERROR: 10.0.0.45.in-addr.arpa PTR www.s.example; a.0.0.0.0.0.d.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa CNAME 10.0.0.45.in-addr.arpa" \
	-x "$embedded"
step "HTTPS with a hint is unchanged" says "NOERROR: svc.s.example HTTPS 1 . ipv4hint=45.0.0.10" svc.s.example HTTPS
step "ANY is unchanged" says 'NOERROR: many.s.example A 45.0.0.10; many.s.example TXT "text"' +tcp many.s.example ANY
step "A is unchanged" says "NOERROR: private.s.example A 10.9.0.1" private.s.example A
step "another class: NOTIMP" says "NOTIMP: " -c CH six.s.example AAAA

section "Clients and domains"
step "a view without prefixes is a plain resolver" says "NOERROR:  / s.example SOA 30" -b "$PLAIN6" two.s.example AAAA
step "... that gives an error as an error" says "SERVFAIL: " -b "$PLAIN6" servfail.s.example AAAA
step "... and a mapped address as it is" says "NOERROR: mapped.s.example AAAA ::ffff:192.0.2.1" -b "$PLAIN6" mapped.s.example AAAA
step "a view with another prefix (/64)" says "NOERROR: servfail.s.example AAAA 2001:db8:65:0:2d:0:a00:0" -b "$OTHER6" servfail.s.example AAAA
step "... and PTR records without a CNAME" says \
	"NOERROR: 0.0.0.0.0.0.a.0.0.0.0.0.d.2.0.0.0.0.0.0.5.6.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR www.s.example" -b "$OTHER6" -x 2001:db8:65:0:2d:0:a00:0
step "never-synthesize" says "NOERROR:  / s.example SOA 30" www.corp.example AAAA
step "... without asking for A" same "$(asked www.corp.example A)" 0
step "... but not where a view says otherwise" says "NOERROR: www.corp.example AAAA 2001:db8:65:0:2d:0:a00:0" -b "$OTHER6" www.corp.example AAAA
step "always-synthesize" says "NOERROR: six.always.example AAAA $embedded" six.always.example AAAA
step "... is not for clients that do it themselves (DO and CD)" says "NOERROR: six.always.example AAAA 2001:db8:2::6" +dnssec +cd six.always.example AAAA
step "the counters tell" eval '[ "$(counter unsynthesized_exempt)" -ge 1 ] && [ "$(counter unsynthesized_a_not_global)" -ge 1 ] && [ "$(counter aaaa_timeouts)" -ge 1 ]'

section "Questions without libunbound in between (RFC 5452)"
seq 200 | sed 's/.*/new&.s.example A/' >"$LAB_DIR/new"
# "PORT ID FLAGS-AND-OPT" of each question; nothing of libunbound's own.
questions() { tcpdump -n -T domain -r "$LAB_DIR/questions.pcap" 2>/dev/null | sed -n 's/.* IP [0-9.]*\.\([0-9]*\) > [^:]*: \([0-9]*\)\(.*\) A? new.*/\1 \2 \3/p'; }
ask_new() {
	capture "$SERVER_NS" uplink questions "udp and dst host $NS4 and dst port 5300" &&
		client dig +tries=1 +time=5 +noall +comments -f "$LAB_DIR/new" >"$LAB_DIR/new.out" || return
	captures_end
	same "$(questions | wc -l) $(grep -c 'status: NXDOMAIN' "$LAB_DIR/new.out")" "200 200"
}
distinct() { local n; n=$(questions | cut -d' ' -f"$1" | sort -u | wc -l); printf '%s different ones\n' "$n"; [ "$n" -ge "$2" ]; }
step "names that nobody knows are asked once each" ask_new
step "from many ports" distinct 1 10
step "with identifiers at random" distinct 2 190
step "with RD, and an OPT record" same "$(questions | cut -d' ' -f3- | sort -u)" "+ [1au]"
for why in timeout:1 cut:1 failed:1 refused:1 odd:1 unwanted:2; do
	step "what was left to libunbound is counted: $why" eval '[ "$(counter "upstream_direct_${why%:*}")" -ge "${why#*:}" ]'
done
step "a lookup says which way it took" prints "asked directly" gw "$ISTHMUS" dns lookup another.s.example A --socket "$LAB_DIR/run/control.sock"
step "status says who is asked" prints "upstreams  *$NS4:5300, asked directly" isthmus status
must "the daemon ends" lab_gateway_stop

#
# DNSSEC: a root of our own, and zones below it
#
SIGNED=$LAB_DIR/signed
mkdir "$SIGNED"
zone_text() {
	cat <<-END
		\$ORIGIN $1.
		\$TTL 300
		@ IN SOA ns.$1. admin.$1. 1 3600 600 86400 60
		@ IN NS ns.$1.
		ns IN A $NS4
		aonly IN A 45.0.0.10
		six IN AAAA 2001:db8:2::6
		alias IN CNAME aonly
	END
}
keys_of() { # two keys: that of the zone, and the one that the parent vouches for
	(cd "$SIGNED" && dnssec-keygen -q -a ECDSAP256SHA256 "$1" && dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$1") >/dev/null 2>&1
}
sign() { # sign NAME FILE [OPTIONS]
	local name=$1 file=$2
	shift 2
	(cd "$SIGNED" && dnssec-signzone -q -S -K . -d . -o "$name" -f "$file.signed" "$@" "$file") >"$SIGNED/sign.log" 2>&1
}
make_zones() {
	local name
	for name in valid expired bogus half insecure; do
		zone_text "$name" >"$SIGNED/$name"
	done
	cp "$SIGNED/insecure" "$SIGNED/insecure.signed"
	for name in valid expired bogus half .; do
		keys_of "$name" || return
	done
	sign valid valid && sign half half && sign expired expired -P -s 20200101000000 -e 20200201000000 && sign bogus bogus || return
	# The lack of AAAA is proven, the A record is not the one that was signed.
	sed -i 's/45\.0\.0\.10/45.0.0.66/' "$SIGNED/half.signed" || return
	{
		printf '$TTL 300\n. 300 IN SOA ns. admin. 1 3600 600 86400 60\n. 300 IN NS ns.\nns. 300 IN A %s\n' "$NS4"
		for name in valid expired bogus half insecure example; do
			printf '%s. 300 IN NS ns.%s.\nns.%s. 300 IN A %s\n' "$name" "$name" "$name" "$NS4"
		done
		cat "$SIGNED"/dsset-valid. "$SIGNED"/dsset-expired. "$SIGNED"/dsset-half.
		# Another key's digest: every signature of the zone is wrong.
		sed 's/[0-9A-F]\{8\}$/00000000/; s/[0-9A-F]\{8\} *$/00000000/' "$SIGNED/dsset-bogus."
	} >"$SIGNED/root" || return
	sign . root || return
	awk '$3 == "DNSKEY" && $4 == 257 || $4 == "DNSKEY" && $5 == 257' "$SIGNED"/K.+*.key >"$SIGNED/root.key" && [ -s "$SIGNED/root.key" ]
}
start_signed() {
	local name
	{
		sed -n '/^server:/,/control-enable/p' "$LAB_DIR/nsd/nsd.conf" | sed -e 's/port: 53/port: 5301/' -e "/ip-address: $WEB4/d" \
			-e "s|$LAB_DIR/nsd|$SIGNED|"
		printf 'zone:\n  name: "."\n  zonefile: root.signed\nzone:\n  name: lab.example\n  zonefile: lab.example.zone\n'
		for name in valid expired bogus half insecure; do
			printf 'zone:\n  name: %s\n  zonefile: %s.signed\n' "$name" "$name"
		done
	} >"$SIGNED/nsd.conf"
	# Only what is global gets a synthesized address here.
	sed "s/$WEB4/$GLOBAL4/" "$LAB_DIR/nsd/lab.example.zone" >"$SIGNED/lab.example.zone"
	ip netns exec "$SERVER_NS" nsd -d -c "$SIGNED/nsd.conf" >"$SIGNED/nsd.out" 2>&1 &
	LAB_PIDS+=($!)
	wait_for 5 server dig +tries=1 +time=1 +short -p 5301 "@$NS4" aonly.valid A
}
# The program finds our root's key where the system's is; `ip netns exec` has mounts of its own.
trust_our_root() {
	local program=$ISTHMUS
	printf '#!/bin/sh\nmount --bind "%s" /usr/share/dns/root.key && exec "%s" "$@"\n' "$SIGNED/root.key" "$program" >"$LAB_DIR/trusting"
	chmod 755 "$LAB_DIR/trusting"
	ISTHMUS=$LAB_DIR/trusting
}
must "zones are made and signed" make_zones
must "... and served" start_signed
trust_our_root
sed -e "s|$NS4:5300|$NS4:5301|" -e 's/dnssec: off/dnssec: validate/' "$LAB_DIR/base.yaml" >"$LAB_DIR/isthmus.yaml"
must "the gateway validates" lab_gateway

section "s5.5 item 1: neither DO nor CD"
step "valid: synthesis, no AD" says "NOERROR: aonly.valid AAAA $embedded" +noad aonly.valid AAAA
step "insecure: synthesis" says "NOERROR: aonly.insecure AAAA $embedded" +noad aonly.insecure AAAA
step "a chain" says "NOERROR: alias.valid CNAME aonly.valid; aonly.valid AAAA $embedded" +noad alias.valid AAAA
for zone in expired bogus half; do
	step "$zone: SERVFAIL" says "SERVFAIL: " aonly.$zone AAAA
done
step "real records of an expired zone: SERVFAIL" says "SERVFAIL: " six.expired AAAA

section "item 2: DO"
step "valid: synthesis, with AD" says "NOERROR ad: aonly.valid AAAA $embedded" +dnssec aonly.valid AAAA
step "real records: AD" says "NOERROR ad: six.valid AAAA 2001:db8:2::6" +dnssec six.valid AAAA
step "insecure: synthesis, no AD" says "NOERROR: aonly.insecure AAAA $embedded" +dnssec aonly.insecure AAAA
for zone in expired bogus half; do
	step "$zone: SERVFAIL" says "SERVFAIL: " +dnssec aonly.$zone AAAA
done
step "... with the reason (RFC 8914)" prints "EDE: 6" client dig +dnssec aonly.bogus AAAA

section "item 3: DO and CD"
step "valid: the proof that there is no AAAA, nothing made" says "NOERROR ad:  / valid SOA 60" +dnssec +cd aonly.valid AAAA
step "... the proof is there" prints "NSEC" client dig +dnssec +cd aonly.valid AAAA
step "bogus: the data as it is" says "NOERROR: six.bogus AAAA 2001:db8:2::6" +dnssec +cd six.bogus AAAA

section "CD alone"
step "valid: synthesis" says "NOERROR: aonly.valid AAAA $embedded" +cd +noad aonly.valid AAAA
step "half: nothing is made from what is false" not prints "64:ff9b" client dig +cd aonly.half AAAA

section "negative trust anchors (RFC 7646)"
restart_with_anchor() {
	lab_gateway_stop && sed -i 's|^dns64:|&\n  negative-trust-anchors: [expired]|' "$LAB_DIR/isthmus.yaml" && lab_gateway
}
step "the gateway starts again with one" restart_with_anchor
step "the domain is answered, without AD" says "NOERROR: aonly.expired AAAA $embedded" +dnssec aonly.expired AAAA
step "the others are validated as before" says "SERVFAIL: " aonly.bogus AAAA
step "isthmus status says so" prints "but not of  .*expired" isthmus status
step "libunbound asks everything while signatures are checked" same "$(counter upstream_direct)" 0
lab_end
