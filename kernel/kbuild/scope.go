package kbuild

import (
	"fmt"
	"strings"
)

// outOfScope names the headers of what kobench will not become, by area. The build directory has
// each as a line that says so, since "file not found" would leave the question open.
func outOfScope() map[string][]string {
	return map[string][]string{
		"network": {
			"linux/netdevice.h", "linux/etherdevice.h", "linux/skbuff.h", "linux/if_ether.h", "linux/if_arp.h", "linux/ethtool.h",
			"linux/in.h", "linux/in6.h", "linux/inet.h", "linux/inetdevice.h", "linux/ip.h", "linux/ipv6.h", "linux/tcp.h", "linux/udp.h",
			"linux/icmp.h", "linux/net.h", "linux/socket.h", "linux/netlink.h", "linux/netfilter.h", "linux/netfilter_ipv4.h",
			"linux/phy.h", "linux/mii.h", "linux/if_vlan.h", "net/sock.h", "net/tcp.h", "net/udp.h", "net/ip.h", "net/arp.h", "net/genetlink.h",
			"net/netlink.h", "net/net_namespace.h", "net/cfg80211.h", "net/mac80211.h", "net/rtnetlink.h", "linux/can.h", "linux/can/dev.h",
		},
		"block devices and file systems": {
			"linux/blkdev.h", "linux/blk-mq.h", "linux/bio.h", "linux/genhd.h", "linux/hdreg.h", "linux/elevator.h", "linux/blkpg.h",
			"linux/buffer_head.h", "linux/mpage.h", "linux/writeback.h", "linux/fs_context.h", "linux/fs_parser.h",
			"linux/statfs.h", "linux/device-mapper.h", "scsi/scsi.h", "scsi/scsi_host.h", "scsi/scsi_device.h", "scsi/scsi_cmnd.h",
		},
		"PCI and DMA": {"linux/pci.h", "linux/dma-mapping.h", "linux/dmaengine.h", "linux/dma-buf.h", "linux/iommu.h", "linux/msi.h"},
		"tracing and patching of the kernel": {
			"linux/kprobes.h", "linux/ftrace.h", "linux/tracepoint.h", "linux/livepatch.h", "linux/perf_event.h", "linux/uprobes.h",
			"linux/bpf.h", "linux/filter.h", "linux/hw_breakpoint.h", "linux/stop_machine.h", "linux/kgdb.h",
		},
		"one processor's own": {
			"asm/msr.h", "asm/fpu/api.h", "asm/cpufeature.h", "asm/desc.h", "asm/tlbflush.h", "asm/cacheflush.h", "asm/special_insns.h",
			"asm/apic.h", "asm/nmi.h", "asm/mmu_context.h", "asm/pgtable_types.h", "asm/syscall.h", "asm/unistd.h", "asm/ptrace.h",
			"asm/traps.h", "asm/hypervisor.h", "linux/kvm_host.h", "asm/vmx.h", "linux/acpi.h", "linux/efi.h", "linux/cpufreq.h",
		},
		"video and sound": {
			"linux/fb.h", "linux/videodev2.h", "media/v4l2-device.h", "media/v4l2-ioctl.h", "media/videobuf2-v4l2.h", "media/videobuf2-vmalloc.h",
			"sound/core.h", "sound/pcm.h", "sound/control.h", "drm/drmP.h", "drm/drm_drv.h", "drm/drm_device.h",
		},
		"security modules and cryptography": {"linux/lsm_hooks.h", "linux/crypto.h", "crypto/hash.h", "crypto/skcipher.h", "linux/key.h"},
	}
}

// scopeHeaders are the files that stand for outOfScope, by path below include.
func scopeHeaders() map[string][]byte {
	files := map[string][]byte{}
	for area, names := range outOfScope() {
		for _, name := range names {
			text := fmt.Sprintf("#error %s: %s is out of kobench's scope (character devices, their buses and what they stand on)\n", name, area)
			files["include/"+name] = []byte(text)
		}
	}
	return files
}

// Scope tells from an error of the compiler which area a source belongs to that kobench will not
// have; "" when it is not about that.
func Scope(message string) string {
	before, _, ok := strings.Cut(message, " is out of kobench's scope")
	if !ok {
		return ""
	}
	return before[strings.LastIndex(before, ": ")+2:]
}
