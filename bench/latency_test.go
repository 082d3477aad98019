package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentile(t *testing.T) {
	var thousand samples
	for i := range 1000 {
		thousand = append(thousand, time.Duration(i+1))
	}
	for _, c := range []struct {
		name string
		s    samples
		p    float64
		want float64
	}{
		{"one sample is every percentile", samples{7}, 99.9, 7},
		{"half of two", samples{1, 2}, 50, 1},
		{"just over half of two", samples{1, 2}, 51, 2},
		{"median of 1 to 1000", thousand, 50, 500},
		{"99 of 1 to 1000", thousand, 99, 990},
		{"99.9 of 1 to 1000", thousand, 99.9, 999},
		{"all", thousand, 100, 1000},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.s.percentile(c.p)) })
	}
}
