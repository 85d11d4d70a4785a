<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use PHPUnit\Framework\TestCase;

/**
 * The agent runs on PHP 7.4: none of what came after it is used.
 */
class SyntaxTest extends TestCase
{
    /**
     * What PHP 7.4 does not understand, as patterns over the code without comments and texts.
     */
    private const TOO_NEW = [
        'nullsafe operator' => '/\?->/',
        'attribute' => '/#\[/',
        'match' => '/\bmatch\s*\(/',
        'enum' => '/^\s*enum\s+\w/m',
        'readonly' => '/\breadonly\b/',
        'constructor promotion' => '/__construct\s*\([^)]*\b(private|protected|public)\b/',
        'union type' => '/(\(|,|\):)\s*\??[\w\\\\]+\s*\|\s*[\w\\\\]+(\s+[&$.]|\s*[{;])/',
        'type mixed, static or never' => '/\):\s*(mixed|static|never)\b|[(,]\s*mixed\s+\$/',
        'named argument' => '/[(,]\s*[a-z]\w*\s*:(?!:)\s/i',
        'throw expression' => '/(\?\?|\?:|=>|:)\s*throw\b/',
        'catch without a variable' => '/catch\s*\(\s*[\w\\\\|\s]+\)/',
        'trailing comma of parameters' => '/function\s*\w*\s*\([^()]*,\s*\)/',
        'class of an object' => '/\$\w+::class/',
        'first-class callable' => '/\(\.\.\.\)/',
        'new function' => '/\b(str_contains|str_starts_with|str_ends_with|array_is_list|get_debug_type)\s*\(/',
        'constant in a trait, final constant' => '/\bfinal\s+(public|protected|private)?\s*const\b/',
        'typed constant' => '/\bconst\s+\w+\s+\w+\s*=/',
    ];

    /**
     * @dataProvider files
     */
    public function testAFileIsPhp74(string $file): void
    {
        $code = $this->bare($file);
        foreach (self::TOO_NEW as $what => $pattern) {
            self::assertDoesNotMatchRegularExpression($pattern, $code, $what . ' in ' . $file);
        }
    }

    public function testTheCheckFindsWhatItLooksFor(): void
    {
        $new = [
            '$a?->b', '#[A]', '$x = match ($a) {', 'enum A', 'readonly string $a', '__construct(private A $a)',
            'function f(A|B $c)', 'function f(): static', 'f(name: 1)', '$a ?? throw $b', 'catch (\Exception)',
            'function f($a, $b,)', '$a::class', 'strlen(...)', 'str_contains($a, $b)', 'final const A',
            'const string A = ',
        ];
        foreach (array_combine(array_keys(self::TOO_NEW), $new) as $what => $code) {
            self::assertMatchesRegularExpression(self::TOO_NEW[$what], $code, $what);
        }
    }

    public function files(): array
    {
        $root = dirname(__DIR__, 2);
        $files = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($root)) as $file) {
            $name = substr((string)$file, strlen($root) + 1);
            if (in_array($file->getExtension(), ['php', 'phtml'], true) && strpos($name, 'Test/') !== 0) {
                $files[$name] = [(string)$file];
            }
        }

        return $files;
    }

    /**
     * Returns the code of a file without its comments, and with its texts emptied.
     */
    private function bare(string $file): string
    {
        $code = '';
        foreach (token_get_all(file_get_contents($file)) as $token) {
            if (is_string($token)) {
                $code .= $token;
            } elseif ($token[0] === T_CONSTANT_ENCAPSED_STRING || $token[0] === T_INLINE_HTML) {
                $code .= "''";
            } elseif ($token[0] !== T_COMMENT && $token[0] !== T_DOC_COMMENT) {
                $code .= $token[1];
            }
        }

        return $code;
    }
}
