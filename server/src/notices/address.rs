//! Where a notice may be sent to, and where never.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks of version 4 that are not the public Internet, as IANA lists them.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];
/// Public addresses of version 6 are in here.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);
/// Parts of it that are not: protocols and tunnels (Teredo), documentation, and 6to4,
/// whose addresses are those of version 4.
const NOT_PUBLIC_V6: [Ipv6Net; 4] =
    [v6([0x2001, 0], 23), v6([0x2001, 0xdb8], 32), v6([0x2002, 0], 16), v6([0x3fff, 0], 20)];
/// Where a translator (NAT64) puts addresses of version 4.
const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

const fn v4(network: [u8; 4], length: u8) -> Ipv4Net {
    let [a, b, c, d] = network;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(network: [u16; 2], length: u8) -> Ipv6Net {
    let [a, b] = network;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// Where one channel may send.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// Public addresses, and those that the operator lists.
    Public {
        /// What is listed.
        allow: Vec<IpNet>,
    },
    /// This machine alone.
    Loopback,
}

impl Reach {
    /// Whether an address may be connected to.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let meant = meant(address);
        match self {
            Self::Public { allow } => {
                is_public(meant) || allow.iter().any(|network| network.contains(&meant))
            }
            Self::Loopback => meant.is_loopback(),
        }
    }
}

/// The address that is reached in the end: one of version 4 may be written as one of
/// version 6.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(long) = address else { return address };
    if let Some(short) = long.to_ipv4_mapped() {
        return IpAddr::V4(short);
    }
    let [a, b, c, d, e, f, ..] = long.segments();
    let [.., w, x, y, z] = long.octets();
    match [a, b, c, d, e, f] == TRANSLATED {
        true => IpAddr::V4(Ipv4Addr::new(w, x, y, z)),
        false => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|it| it.contains(&address)),
        IpAddr::V6(address) => {
            let is_other = NOT_PUBLIC_V6.iter().any(|it| it.contains(&address));
            GLOBAL_V6.contains(&address) && !is_other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reached(address: &str, allow: &[&str]) -> bool {
        let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
        Reach::Public { allow }.allows(address.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_not_reached_in_any_form() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_reached(address, &[]), "{address}");
        }
    }

    #[test]
    fn what_is_public_or_listed_is_reached() {
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_reached(address, &[]), "{address}");
        }
        assert!(is_reached("10.1.2.3", &["10.1.0.0/16"]));
        assert!(is_reached("::ffff:10.1.2.3", &["10.1.0.0/16"]));
        assert!(is_reached("fd12::1", &["fd12::/16"]));
        assert!(!is_reached("10.2.2.3", &["10.1.0.0/16"]));
        // Who lists one network has not listed another.
        assert!(!is_reached("127.0.0.1", &["10.0.0.0/8", "fd00::/8"]));
    }

    #[test]
    fn dev_reaches_this_machine_and_no_other() {
        let here = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"];
        assert!(here.iter().all(|it| Reach::Loopback.allows(it.parse().unwrap())));
        let elsewhere = ["10.0.0.1", "169.254.169.254", "1.1.1.1", "2606:4700::1111"];
        assert!(!elsewhere.iter().any(|it| Reach::Loopback.allows(it.parse().unwrap())));
    }
}
