import Darwin
import Foundation
import Network

/// Tells a node of the network of an Apple device: its interfaces and name servers, and that
/// they have changed (NWPathMonitor). Give it to one node.
public final class AppleNetwork: @unchecked Sendable {
    private let monitor = NWPathMonitor()
    private let queue = DispatchQueue(label: "net.voile.network")

    public init() {}

    deinit { monitor.cancel() }

    /// Calls `changed` after each change, from a queue of its own, until `stop`.
    func start(_ changed: @escaping @Sendable () -> Void) {
        monitor.pathUpdateHandler = { _ in changed() }
        monitor.start(queue: queue)
    }

    func stop() { monitor.cancel() }

    /// The facts as the library reads them.
    func facts() throws -> String {
        let o: [String: Any] = ["interfaces": try interfaces(), "dns": nameServers()]
        return String(decoding: try JSONSerialization.data(withJSONObject: o), as: UTF8.self)
    }

    private func interfaces() throws -> [[String: Any]] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { freeifaddrs(first) }
        var order: [String] = []
        var all: [String: [String: Any]] = [:]
        var next = first
        while let i = next?.pointee {
            next = i.ifa_next
            let name = String(cString: i.ifa_name)
            let flags = Int32(bitPattern: i.ifa_flags)
            if all[name] == nil {
                order.append(name)
                all[name] = [
                    "name": name, "index": Int(if_nametoindex(i.ifa_name)), "up": flags & IFF_UP != 0 && flags & IFF_RUNNING != 0,
                    "loopback": flags & IFF_LOOPBACK != 0, "point_to_point": flags & IFF_POINTOPOINT != 0,
                    "multicast": flags & IFF_MULTICAST != 0, "addresses": [[String: Any]](),
                ]
            }
            guard let address = i.ifa_addr else { continue }
            if Int32(address.pointee.sa_family) == AF_LINK, let data = i.ifa_data {
                all[name]?["mtu"] = Int(data.assumingMemoryBound(to: if_data.self).pointee.ifi_mtu)
            } else if let mask = i.ifa_netmask, let text = AppleNetwork.text(address), let bits = AppleNetwork.length(mask) {
                let list = all[name]?["addresses"] as? [[String: Any]] ?? []
                all[name]?["addresses"] = list + [["address": "\(text)/\(bits)"]]
            }
        }
        return order.compactMap { all[$0] }
    }

    /// The text of an address without its zone; nil: it is of no family that counts.
    private static func text(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
        let family = Int32(address.pointee.sa_family)
        guard family == AF_INET || family == AF_INET6 else { return nil }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let size = socklen_t(address.pointee.sa_len)
        guard getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
        return String(cString: host).components(separatedBy: "%").first
    }

    /// How many bits of a mask are set.
    private static func length(_ mask: UnsafeMutablePointer<sockaddr>) -> Int? {
        switch Int32(mask.pointee.sa_family) {
        case AF_INET:
            return mask.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr.nonzeroBitCount }
        case AF_INET6:
            return mask.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { m in
                withUnsafeBytes(of: m.pointee.sin6_addr) { $0.reduce(0) { $0 + $1.nonzeroBitCount } }
            }
        default: return nil
        }
    }

    /// The name servers that the system's resolver uses, as its file lists them; none: the
    /// library looks for itself.
    private func nameServers() -> [String] {
        guard let text = try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            return words.count == 2 && words[0] == "nameserver" ? String(words[1]) : nil
        }
    }
}
