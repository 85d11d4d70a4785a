<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

use Magento\Config\App\Config\Type\System\Reader;
use Magento\Framework\App\Config\ScopeConfigInterface;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Plugin\ListSwitchedOnEvents;

/**
 * The store's configuration: "path" for all stores, "path@store" for one.
 */
class Settings implements ScopeConfigInterface
{
    /**
     * @var array
     */
    public $values = [];

    /**
     * Whether the agent's plugin is called when the configuration is read.
     *
     * @var bool
     */
    public $isListing = true;

    public function getValue($path, $scope = 'default', $code = null)
    {
        if ($path === Gate::SWITCHED_ON) {
            return $this->isListing ? $this->switchedOn() : null;
        }
        if (strpos($path, '/') === false) {
            return $this->section($path, $code);
        }

        return $this->values[$path . '@' . $code] ?? $this->values[$path] ?? null;
    }

    /**
     * Returns what the agent's plugin adds to the configuration.
     */
    private function switchedOn(): string
    {
        $config = ['default' => [], 'stores' => []];
        foreach (array_keys($this->values) as $key) {
            $code = explode('@', (string)$key)[1] ?? '';
            $config['default']['aws_eventbridge'] = $this->section('aws_eventbridge', '');
            $config['stores'][$code]['aws_eventbridge'] = $this->section('aws_eventbridge', $code);
        }
        $config = (new ListSwitchedOnEvents())->afterRead(new Reader(), $config);

        return $config['default']['aws_eventbridge']['agent']['switched_on'];
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
