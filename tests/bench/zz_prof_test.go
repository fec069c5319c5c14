package bench_test
import "testing"
func BenchmarkZZ(b *testing.B) {
	url := serverProcess(b)
	opts := legacy
	opts.Transport = throughAgent(b, nil)
	c := hawserClient(b, url, opts)
	before := cpu(b)
	n := 0
	for b.Loop() {
		run(b, c, json200, 1)
		n++
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(n), "cpu-µs")
	b.ReportAllocs()
}
