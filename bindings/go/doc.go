// Package mtl tags text with names, parts of speech and other labels. It is the Go face of libmtl, over its C ABI.
//
//	model, err := mtl.Open(ctx, "models/mtl-base")
//	if err != nil {
//		return err
//	}
//	defer model.Close()
//	documents, err := model.Tag(ctx, []string{"Maria Jensen moved from Copenhagen to Toronto."})
//	if err != nil {
//		return err
//	}
//	for _, span := range documents[0].Task("ner").Spans {
//		fmt.Println(span.Start, span.End, span.Label)
//	}
//
// Offsets are half-open and count bytes, as Go's slices do, unless [WithUnit] says otherwise.
//
// # Concurrency
//
// Every method may be called from several goroutines at once, Close included: calls that run when a [Model] is closed
// finish on it. A call crosses into C a constant number of times, however many documents it has, and holds an OS thread
// while it runs; a few hundred documents a call and as many goroutines as processors is a good start.
//
// # Contexts
//
// A context that ends stops [Model.Tag] within about 10 ms. The error is then both the context's and the library's:
// errors.Is finds [context.Canceled] and [ErrCancelled], or [context.DeadlineExceeded] and [ErrDeadline].
//
// # Linking
//
// The package finds libmtl by pkg-config (mtl.pc). The build tag mtl_static links libmtl.a in place of libmtl.so.
package mtl
