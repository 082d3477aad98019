/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_IO_H
#define _LINUX_IO_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <asm/barrier.h>
#include <asm/page.h>

/*
 * Ports and device memory. Where nothing answers, a read gives all ones and a write is lost, as on a
 * PC's bus.
 */
extern unsigned int __kb_in(unsigned long port, unsigned int size);
extern void __kb_out(unsigned long port, unsigned int value, unsigned int size);
extern u64 __kb_mmio_read(const volatile void __iomem *addr, unsigned int size);
extern void __kb_mmio_write(volatile void __iomem *addr, u64 value, unsigned int size);

#define __IO_PORT(bwl, type)                                                                                    \
	static inline type in##bwl(unsigned long port) { return (type)__kb_in(port, sizeof(type)); }            \
	static inline type in##bwl##_p(unsigned long port) { return (type)__kb_in(port, sizeof(type)); }        \
	static inline void out##bwl(type value, unsigned long port) { __kb_out(port, value, sizeof(type)); }    \
	static inline void out##bwl##_p(type value, unsigned long port) { __kb_out(port, value, sizeof(type)); } \
	static inline void ins##bwl(unsigned long port, void *addr, unsigned long count)                        \
	{                                                                                                       \
		type *p = addr;                                                                                 \
									                                        \
		while (count--)                                                                                 \
			*p++ = in##bwl(port);                                                                   \
	}                                                                                                       \
	static inline void outs##bwl(unsigned long port, const void *addr, unsigned long count)                 \
	{                                                                                                       \
		const type *p = addr;                                                                           \
									                                        \
		while (count--)                                                                                 \
			out##bwl(*p++, port);                                                                   \
	}
__IO_PORT(b, u8)
__IO_PORT(w, u16)
__IO_PORT(l, u32)

#define __IO_MEM(bwlq, type)                                                                                     \
	static inline type read##bwlq(const volatile void __iomem *addr) { return (type)__kb_mmio_read(addr, sizeof(type)); } \
	static inline void write##bwlq(type value, volatile void __iomem *addr) { __kb_mmio_write(addr, value, sizeof(type)); } \
	static inline void reads##bwlq(const volatile void __iomem *addr, void *to, unsigned int count)          \
	{                                                                                                        \
		type *p = to;                                                                                    \
									                                         \
		while (count--)                                                                                  \
			*p++ = read##bwlq(addr);                                                                 \
	}                                                                                                        \
	static inline void writes##bwlq(volatile void __iomem *addr, const void *from, unsigned int count)       \
	{                                                                                                        \
		const type *p = from;                                                                            \
									                                         \
		while (count--)                                                                                  \
			write##bwlq(*p++, addr);                                                                 \
	}
__IO_MEM(b, u8)
__IO_MEM(w, u16)
__IO_MEM(l, u32)
__IO_MEM(q, u64)
#define readb_relaxed readb
#define readw_relaxed readw
#define readl_relaxed readl
#define readq_relaxed readq
#define writeb_relaxed writeb
#define writew_relaxed writew
#define writel_relaxed writel
#define writeq_relaxed writeq
#define __raw_readb readb
#define __raw_readw readw
#define __raw_readl readl
#define __raw_readq readq
#define __raw_writeb writeb
#define __raw_writew writew
#define __raw_writel writel
#define __raw_writeq writeq
#define ioread8 readb
#define ioread16 readw
#define ioread32 readl
#define ioread64 readq
#define iowrite8 writeb
#define iowrite16 writew
#define iowrite32 writel
#define iowrite64 writeq
#define ioread8_rep readsb
#define ioread16_rep readsw
#define ioread32_rep readsl
#define iowrite8_rep writesb
#define iowrite16_rep writesw
#define iowrite32_rep writesl

static inline void memcpy_fromio(void *to, const volatile void __iomem *from, size_t n)
{
	u8 *p = to;
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = readb(from + i);
}
static inline void memcpy_toio(volatile void __iomem *to, const void *from, size_t n)
{
	const u8 *p = from;
	size_t i;

	for (i = 0; i < n; i++)
		writeb(p[i], to + i);
}
static inline void memset_io(volatile void __iomem *to, int c, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		writeb((u8)c, to + i);
}

extern void __iomem *ioremap(phys_addr_t phys, size_t size);
extern void iounmap(volatile void __iomem *addr);
extern void __iomem *ioport_map(unsigned long port, unsigned int count);
#define ioport_unmap(addr) do { (void)(addr); } while (0)
#define ioremap_nocache ioremap
#define ioremap_wc ioremap
#define ioremap_cache ioremap

#endif /* _LINUX_IO_H */
