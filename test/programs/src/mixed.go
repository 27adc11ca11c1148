// Go: maps, goroutines and channels, fmt, encoding/json, sort, reading files.
package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"sort"
	"strings"
	"sync"
)

type record struct {
	Word  string  `json:"word"`
	Count int     `json:"count"`
	Share float64 `json:"share"`
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	words := strings.Fields(string(data))
	counts := map[string]int{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	const parts = 8
	for p := 0; p < parts; p++ {
		group.Add(1)
		go func(part []string) {
			defer group.Done()
			local := map[string]int{}
			for _, word := range part {
				local[word]++
			}
			mutex.Lock()
			defer mutex.Unlock()
			for word, n := range local {
				counts[word] += n
			}
		}(words[p*len(words)/parts : (p+1)*len(words)/parts])
	}
	group.Wait()
	var records []record
	for word, n := range counts {
		records = append(records, record{word, n, float64(n) / float64(len(words))})
	}
	sort.Slice(records, func(i, j int) bool {
		if records[i].Count != records[j].Count {
			return records[i].Count > records[j].Count
		}
		return records[i].Word < records[j].Word
	})
	encoded, err := json.MarshalIndent(records[:10], "", " ")
	if err != nil {
		panic(err)
	}
	fmt.Println(string(encoded))
	var back []record
	if err := json.Unmarshal(encoded, &back); err != nil {
		panic(err)
	}
	fmt.Printf("%d %08x %v %T\n", len(words), crc32.ChecksumIEEE(data), back[3], back)
	primes := make(chan int)
	go func() {
		for n := 2; n < 400; n++ {
			prime := true
			for d := 2; d*d <= n; d++ {
				if n%d == 0 {
					prime = false
					break
				}
			}
			if prime {
				primes <- n
			}
		}
		close(primes)
	}()
	sum := 0
	for p := range primes {
		sum += p
	}
	fmt.Println("primes", sum)
	defer func() {
		fmt.Println("recovered:", recover())
		os.Exit(4)
	}()
	var none []int
	fmt.Println(none[sum])
}
