package kmod

import (
	"slices"
	"strings"
)

// superFastHash is [SFH], the hash of kmod's tables. Only the order in which those tables are
// walked is of interest: modules without a place in modules.order, and all symbols, are written
// bucket by bucket. Characters are signed there, as on x86.
func superFastHash(key string) uint32 {
	h := uint32(len(key))
	i := 0
	for ; i+4 <= len(key); i += 4 {
		h += uint32(key[i]) | uint32(key[i+1])<<8
		t := (uint32(key[i+2])|uint32(key[i+3])<<8)<<11 ^ h
		h = h<<16 ^ t
		h += h >> 11
	}
	switch len(key) - i {
	case 3:
		h += uint32(key[i]) | uint32(key[i+1])<<8
		h ^= h << 16
		h ^= uint32(int32(int8(key[i+2])) << 18)
		h += h >> 11
	case 2:
		h += uint32(key[i]) | uint32(key[i+1])<<8
		h ^= h << 11
		h += h >> 17
	case 1:
		h += uint32(int32(int8(key[i])))
		h ^= h << 10
		h += h >> 1
	}
	h ^= h << 3
	h += h >> 5
	h ^= h << 4
	h += h >> 17
	h ^= h << 25
	h += h >> 6
	return h
}

// sortByBucket puts items into the order of a table with n buckets (a power of two): by bucket,
// in a bucket by name.
func sortByBucket[T any](items []T, n uint32, name func(T) string) {
	type keyed struct {
		bucket uint32
		name   string
		item   T
	}
	ks := make([]keyed, len(items))
	for i, it := range items {
		s := name(it)
		ks[i] = keyed{superFastHash(s) & (n - 1), s, it}
	}
	slices.SortFunc(ks, func(a, b keyed) int {
		if a.bucket != b.bucket {
			return int(a.bucket) - int(b.bucket)
		}
		return strings.Compare(a.name, b.name)
	})
	for i := range ks {
		items[i] = ks[i].item
	}
}
