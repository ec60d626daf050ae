package crypto
import ("testing";"filippo.io/edwards25519/field";"filippo.io/edwards25519")
func BenchmarkZZ(b *testing.B){
 x:=new(field.Element).Mult32(new(field.Element).One(),12345); x.Invert(x)
 b.Run("mul",func(b *testing.B){for b.Loop(){x.Multiply(x,x)}})
 b.Run("sq",func(b *testing.B){for b.Loop(){x.Square(x)}})
 b.Run("inv",func(b *testing.B){for b.Loop(){x.Invert(x)}})
 b.Run("add",func(b *testing.B){for b.Loop(){x.Add(x,x)}})
 b.Run("sub",func(b *testing.B){for b.Loop(){x.Subtract(x,x)}})
 p:=edwards25519.NewGeneratorPoint()
 b.Run("keytable",func(b *testing.B){for b.Loop(){newKeyTable(p)}})
 b.Run("basetable",func(b *testing.B){for b.Loop(){newBaseTable()}})
 s,_:=new(edwards25519.Scalar).SetUniformBytes([]byte("0123456789012345678901234567890123456789012345678901234567890123"))
 b.Run("recode",func(b *testing.B){for b.Loop(){var d digits; d.recode(s,4)}})
}
