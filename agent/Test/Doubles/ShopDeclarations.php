<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use MagentoEventBridge\Agent\Declared\Declarations;

/**
 * Declarations as a test sets them.
 */
class ShopDeclarations extends Declarations
{
    /**
     * @var array[]
     */
    public $events = [];

    /**
     * @var array[]
     */
    public $before = [];

    /**
     * @var string[][]
     */
    public $paths = [];

    /**
     * @var string[]
     */
    public $off = [];

    public function __construct()
    {
    }

    public function ofMagentoEvent(string $event): array
    {
        return $this->events[$event] ?? [];
    }

    public function comparedBefore(string $event): array
    {
        return $this->before[$event] ?? [];
    }

    public function magentoEvents(): array
    {
        return array_keys($this->events);
    }

    public function pathsOf(string $prefix): array
    {
        return $this->paths[$prefix] ?? [];
    }

    public function isOn(string $name, int $storeId): bool
    {
        return !in_array($name, $this->off, true);
    }
}
