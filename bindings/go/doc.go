// Package oaic calls the OpenAI API and every server that speaks it, through the C library liboaic.
//
// The library queues requests, keeps a set number in flight, learns the server's rate limits and keeps to them, and
// retries what is worth retrying. This package hands requests over and takes outcomes back; it has no queue, no retry
// and no HTTP of its own. However many requests are under way, one goroutine a client waits for their outcomes, and no
// thread of the library ever enters Go.
//
//	client, err := oaic.New(oaic.WithMaxConcurrentRequests(10))
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer client.Close()
//	vectors, err := client.Embed(ctx, "text-embedding-3-small", []string{"Old boats are mended here."})
//
// The shared library is looked for under OAI_LIBRARY_PATH (a file, or a folder that holds one), then beside the
// program, then where the system finds libraries. It is loaded with purego, so that no C compiler is needed; the build
// tag oaic_cgo loads it with cgo instead.
package oaic
