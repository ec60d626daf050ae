package android.content;

/** Stands for Android's class, which the generated code only passes on. */
public class Context {
}
