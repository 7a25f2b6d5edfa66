// Package work is what both sides of the Go benchmark share: how the work is spread, and how a failure ends it.
package work

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
)

// Text is what is embedded.
const Text = "a text to embed"

// Texts are those of one request in bulk.
func Texts() []string {
	texts := make([]string, 256)
	for i := range texts {
		texts[i] = Text
	}
	return texts
}

// Asked is the kind of work and the count of the command line.
func Asked() (kind string, count int) {
	count, err := strconv.Atoi(os.Args[2])
	Check(err)
	return os.Args[1], count
}

// AtOnce does work so many times, so many at once.
func AtOnce(workers, count int, work func()) {
	var all sync.WaitGroup
	next := make(chan struct{})
	for range workers {
		all.Go(func() {
			for range next {
				work()
			}
		})
	}
	for range count {
		next <- struct{}{}
	}
	close(next)
	all.Wait()
}

// Check ends the program if something failed.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Expect ends the program if something is not so.
func Expect(holds bool, what string) {
	if !holds {
		log.Fatal(what)
	}
}

// Pending tells run.py that all is pending, and waits until it has measured.
func Pending() {
	fmt.Println("pending")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
