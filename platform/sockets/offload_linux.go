package sockets

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxSegments is what every kernel with the offload takes in one call.
const maxSegments = 64

// maxOffload is the largest payload of one call: an IP packet without headers.
const maxOffload = 65535 - 40 - 8

// offload is UDP segmentation (sending) and receive offload.
type offload struct {
	send atomic.Bool
	oob  sync.Pool // *[controlSize]byte
}

// controlSize holds a control message with one number.
const controlSize = 64

func (o *offload) enable(c *net.UDPConn) {
	o.oob.New = func() any { return new([controlSize]byte) }
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		o.send.Store(err == nil)
		// Without it each read brings one datagram.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
}

// batch is the number of bytes that one call may carry, a multiple of segment;
// less than segment: none.
func (o *offload) batch(segment int) int {
	if !o.send.Load() {
		return 0
	}
	return min(maxSegments, maxOffload/segment) * segment
}

// write sends in one call; not done: the kernel cannot, send one by one.
func (o *offload) write(c *net.UDPConn, b []byte, segment int, to netip.AddrPort) (done bool, err error) {
	if !o.send.Load() {
		return false, nil
	}
	oob := o.oob.Get().(*[controlSize]byte)
	defer o.oob.Put(oob)
	n := putControl(oob, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(segment))
	_, _, err = c.WriteMsgUDPAddrPort(b, oob[:n], to)
	switch {
	case errors.Is(err, unix.EIO): // the device cannot make checksums
		o.send.Store(false)
		return false, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EMSGSIZE): // segments beyond the MTU of this path
		return false, nil
	}
	return true, err
}

func (o *offload) read(c *net.UDPConn, b []byte) (n, segment int, from netip.AddrPort, err error) {
	oob := o.oob.Get().(*[controlSize]byte)
	defer o.oob.Put(oob)
	n, oobn, _, from, err := c.ReadMsgUDPAddrPort(b, oob[:])
	segment = n
	for left := oob[:oobn]; len(left) >= unix.SizeofCmsghdr; {
		h, data, rest, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			break
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4 {
			if s := int(binary.NativeEndian.Uint32(data)); s > 0 {
				segment = s
			}
		}
		left = rest
	}
	return n, segment, from, err
}

// putControl writes the header of a control message with size bytes of data, and
// returns the length of the whole.
func putControl(oob *[controlSize]byte, level, kind int32, size int) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(oob))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	return unix.CmsgSpace(size)
}

// WriteTTL implements transport.PacketConn.
func (p *packetConn) WriteTTL(b []byte, to netip.AddrPort, ttl int) error {
	level, kind := int32(unix.IPPROTO_IPV6), int32(unix.IPV6_HOPLIMIT)
	if p.v4 {
		level, kind = unix.IPPROTO_IP, unix.IP_TTL
	}
	oob := p.offload.oob.Get().(*[controlSize]byte)
	defer p.offload.oob.Put(oob)
	n := putControl(oob, level, kind, 4)
	binary.NativeEndian.PutUint32(oob[unix.CmsgLen(0):], uint32(ttl))
	p.order.RLock()
	defer p.order.RUnlock()
	_, _, err := p.WriteMsgUDPAddrPort(b, oob[:n], to)
	return err
}
