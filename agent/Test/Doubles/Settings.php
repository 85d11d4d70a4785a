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
        return $this->values[$path . '@' . $code] ?? $this->values[$path] ?? null;
    }

    public function isSetFlag($path, $scope = 'default', $code = null): bool
    {
        return (bool)$this->getValue($path, $scope, $code);
    }
}
