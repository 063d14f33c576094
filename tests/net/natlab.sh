#!/usr/bin/env bash
# Two homes behind routers of their own, and a public network with a relay, from network namespaces.
#
#   natlab.sh up NAT NAT            builds it; NAT of home A and of home B is cone, symmetric or forward
#                                   (forward: UDP port 4433 of the router leads to the home)
#   natlab.sh exec A|B|R COMMAND…   runs a command in home A, in home B, or beside the relay
#   natlab.sh block A|B             drops all UDP of a home;   natlab.sh cut A|B: drops everything
#   natlab.sh heal A|B              lets everything through again
#   natlab.sh down                  removes it and ends what runs in it
#
# Wants root (or `unshare -Urnm`), ip (iproute2) and nft (nftables); says what is missing and exits with 77 otherwise.
# NATLAB_PREFIX names the namespaces, so that several laboratories can live side by side. Both homes use the same
# private network on purpose, as homes do.
set -euo pipefail

prefix=${NATLAB_PREFIX:-heirloom}
public=203.0.113 # relay .10, router of A .20, router of B .30
namespaces=(inet relay routerA routerB homeA homeB)

name() { echo "$prefix-$1"; }
within() { local space=$1; shift; ip netns exec "$(name "$space")" "$@"; }
skip() { echo "no network laboratory here: $*" >&2; exit 77; }

check() {
  command -v ip >/dev/null || skip "ip (iproute2) is not installed"
  command -v nft >/dev/null || skip "nft (nftables) is not installed"
  [ "$(id -u)" = 0 ] || skip "not root"
  ip netns add "$(name try)" 2>/dev/null || skip "network namespaces are not allowed"
  local works=0
  within try nft add table inet try 2>/dev/null || works=1
  ip netns del "$(name try)"
  [ $works = 0 ] || skip "nft does not work in a network namespace"
}

down() {
  local space
  for space in "${namespaces[@]}"; do
    ip netns pids "$(name "$space")" 2>/dev/null | xargs -r kill 2>/dev/null || true
    ip netns del "$(name "$space")" 2>/dev/null || true
  done
}

# plug NAMESPACE INTERFACE ADDRESS: a cable to the public network.
plug() {
  within inet ip link add "to-$1" type veth peer name "$2" netns "$(name "$1")"
  within inet ip link set "to-$1" master bridge up
  within "$1" ip addr add "$3/24" dev "$2"
  within "$1" ip link set "$2" up
}

# router A|B NAT: masquerades, drops what nobody asked for.
router() {
  local ports="" forward="" dnat=""
  [ "$2" = symmetric ] && ports="fully-random"
  if [ "$2" = forward ]; then
    forward='iifname "wan" udp dport 4433 accept'
    dnat='iifname "wan" udp dport 4433 dnat to 192.168.1.2:4433'
  fi
  within "router$1" nft -f - <<RULES
table inet filter {
  chain trouble { }
  chain forward {
    type filter hook forward priority 0; policy drop;
    jump trouble
    ct state established,related accept
    iifname "lan" oifname "wan" accept
    $forward
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "wan" ct state new drop
  }
}
table ip nat {
  chain before { type nat hook prerouting priority -100; $dnat
  }
  chain after { type nat hook postrouting priority 100; oifname "wan" masquerade $ports
  }
}
RULES
}

up() {
  check
  down
  trap down ERR
  local space home
  for space in "${namespaces[@]}"; do
    ip netns add "$(name "$space")"
    within "$space" ip link set lo up
  done
  within inet ip link add bridge type bridge
  within inet ip link set bridge up
  plug relay eth0 $public.10
  plug routerA wan $public.20
  plug routerB wan $public.30
  for home in A B; do
    within router$home ip link add lan type veth peer name eth0 netns "$(name home$home)"
    within router$home ip addr add 192.168.1.1/24 dev lan
    within router$home ip link set lan up
    within home$home ip addr add 192.168.1.2/24 dev eth0
    within home$home ip link set eth0 up
    within home$home ip route add default via 192.168.1.1
    within router$home sysctl -qw net.ipv4.ip_forward=1
  done
  router A "$1"
  router B "$2"
  echo "laboratory $prefix: A $1, B $2"
}

case "${1:-}" in
  up) up "${2:-cone}" "${3:-cone}" ;;
  down) down ;;
  block) within "router$2" nft add rule inet filter trouble meta l4proto udp drop ;;
  cut) within "router$2" nft add rule inet filter trouble drop ;;
  heal) within "router$2" nft flush chain inet filter trouble ;;
  exec)
    case $2 in A) space=homeA ;; B) space=homeB ;; R) space=relay ;; *) skip "no such place: $2" ;; esac
    shift 2
    exec ip netns exec "$(name $space)" "$@"
    ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 1 ;;
esac
