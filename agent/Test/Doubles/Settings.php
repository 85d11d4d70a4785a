<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Framework\App\Config\ScopeConfigInterface;

/**
 * The store's configuration: "path" for all stores, "path@store" for one.
 */
class Settings implements ScopeConfigInterface
{
    /**
     * @var array
     */
    public $values = [];

    public function getValue($path, $scope = 'default', $code = null)
    {
        if (strpos($path, '/') === false) {
            return $this->section($path, $code);
        }

        return $this->values[$path . '@' . $code] ?? $this->values[$path] ?? null;
    }

    /**
     * Returns a whole section, by group and field.
     *
     * @param string $name
     * @param int|string|null $code
     * @return array
     */
    private function section(string $name, $code): array
    {
        $section = [];
        foreach (array_keys($this->values) as $key) {
            $path = explode('@', (string)$key)[0];
            $parts = explode('/', $path);
            if (count($parts) === 3 && $parts[0] === $name) {
                $section[$parts[1]][$parts[2]] = $this->getValue($path, 'store', $code);
            }
        }

        return $section;
    }

    public function isSetFlag($path, $scope = 'default', $code = null): bool
    {
        return (bool)$this->getValue($path, $scope, $code);
    }
}
