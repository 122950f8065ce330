module github.com/libmtl/libmtl/bindings/go

go 1.24
