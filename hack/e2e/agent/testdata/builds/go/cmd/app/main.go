// App says what both packages make.
package main

import (
	"fmt"

	"example.org/project/greet"
	"example.org/project/sum"
)

//go:generate sh -c "echo generated >generated"

func main() { fmt.Println("go:", greet.Greet("world"), sum.Sum(2, 40)) }
