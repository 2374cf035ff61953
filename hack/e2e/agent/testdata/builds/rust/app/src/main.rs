fn main() {
    println!("rust: {} {}", app::GENERATED, app::sum());
}
