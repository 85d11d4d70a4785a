<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Declared;

use Magento\Framework\Api\CustomAttributesDataInterface;
use Magento\Framework\DataObject;
use Psr\Log\LoggerInterface;

/**
 * Reads values by path: over models, arrays, extension and custom attributes, items.
 */
class FieldPaths
{
    private const LONGEST_VALUE = 65536;
    private const DEEPEST = 4;
    private const MOST_MEMBERS = 20000;
    private const CUSTOM = 'custom_attributes';
    private const MEMBERS = '[]';
    private const ALL = '*';

    /**
     * @var SecretNames
     */
    private $secrets;

    /**
     * @var LoggerInterface
     */
    private $logger;

    /**
     * Paths whose values were reported, as keys.
     *
     * @var bool[]
     */
    private $reported = [];

    /**
     * How many more members of arrays and objects the current path may have.
     *
     * @var int
     */
    private $membersLeft = 0;

    /**
     * @param SecretNames $secrets
     * @param LoggerInterface $logger
     */
    public function __construct(SecretNames $secrets, LoggerInterface $logger)
    {
        $this->secrets = $secrets;
        $this->logger = $logger;
    }

    /**
     * Returns the values of the paths that exist.
     *
     * @param mixed $root
     * @param string[] $paths
     * @return array
     */
    public function of($root, array $paths): array
    {
        $values = [];
        foreach ($paths as $path) {
            $found = $this->secrets->isSecret($path) ? [] : $this->found($root, $path);
            if ($found) {
                $values[$path] = $this->limited($path, $found[0]);
            }
        }

        return $values;
    }

    /**
     * Returns the value of a path in an array; null if it cannot be read, an empty array if there is none.
     *
     * @param mixed $root
     * @param string $path
     * @return array
     */
    private function found($root, string $path): array
    {
        $this->membersLeft = self::MOST_MEMBERS;
        try {
            return $this->follow($root, explode('.', $path));
        } catch (\Throwable $failure) {
            // A getter of another module that fails must not cost the event.
            $this->report($path, sprintf('cannot be read: %s: %s', get_class($failure), $failure->getMessage()));

            return [null];
        }
    }

    /**
     * Follows a path; returns the value in an array, or an empty array if the path does not exist.
     *
     * @param mixed $from
     * @param string[] $segments
     * @return array
     */
    private function follow($from, array $segments): array
    {
        if (!$segments) {
            return [$this->plain($from, 0)];
        }
        $name = array_shift($segments);
        if ($name === self::ALL) {
            $all = $this->plain($from, 0);
            return [is_array($all) ? array_filter($all, [$this, 'isScalarOrNull']) : null];
        }
        $isList = substr($name, -2) === self::MEMBERS;
        $found = $this->member($from, $isList ? substr($name, 0, -2) : $name);
        if (!$found) {
            return [];
        }
        if (!$isList) {
            // The path may be right: null has no members.
            return $found[0] === null ? [null] : $this->follow($found[0], $segments);
        }
        if (!is_iterable($found[0])) {
            return [null];
        }
        $values = [];
        foreach ($found[0] as $member) {
            $value = $this->follow($member, $segments);
            $isNested = $value && is_array($value[0]) && strpos(implode('.', $segments), self::MEMBERS) !== false;
            $values = array_merge($values, $isNested ? $value[0] : [$value[0] ?? null]);
        }

        return [$values];
    }

    /**
     * Returns a member of an object or an array, in an array; an empty array if there is none.
     *
     * @param mixed $of
     * @param string $name
     * @return array
     */
    private function member($of, string $name): array
    {
        if (is_array($of) || $of instanceof \ArrayAccess && !$of instanceof DataObject) {
            return isset($of[$name]) || (is_array($of) && array_key_exists($name, $of)) ? [$of[$name]] : [];
        }
        if (!is_object($of)) {
            return [];
        }
        if ($name === self::CUSTOM && $of instanceof CustomAttributesDataInterface) {
            return [$this->customAttributes($of)];
        }
        if ($of instanceof DataObject && $of->getData($name) !== null) {
            return [$of->getData($name)];
        }
        $getter = 'get' . str_replace('_', '', ucwords($name, '_'));
        foreach ([$getter, 'is' . substr($getter, 3)] as $method) {
            if (method_exists($of, $method) && $this->isCallableWithoutArguments($of, $method)) {
                return [$of->$method()];
            }
        }
        if ($of instanceof CustomAttributesDataInterface && $of->getCustomAttribute($name)) {
            return [$of->getCustomAttribute($name)->getValue()];
        }

        return $of instanceof DataObject && $of->hasData($name) ? [null] : [];
    }

    /**
     * Returns the custom attributes of an object, by their codes.
     */
    private function customAttributes(CustomAttributesDataInterface $of): array
    {
        $values = [];
        foreach ($of->getCustomAttributes() ?: [] as $attribute) {
            $values[$attribute->getAttributeCode()] = $attribute->getValue();
        }

        return $values;
    }

    /**
     * Returns whether an object's method can be called without arguments.
     *
     * @param object $of
     * @param string $method
     * @return bool
     */
    private function isCallableWithoutArguments($of, string $method): bool
    {
        $reflection = new \ReflectionMethod($of, $method);

        return $reflection->isPublic() && $reflection->getNumberOfRequiredParameters() === 0;
    }

    /**
     * Returns a value as JSON can hold it, without secrets.
     *
     * @param mixed $value
     * @param int $depth
     * @return mixed
     */
    private function plain($value, int $depth)
    {
        if ($value === null || is_scalar($value)) {
            // JSON has no infinity.
            return is_float($value) && !is_finite($value) ? null : $value;
        }
        if ($value instanceof \DateTimeInterface) {
            return $value->format('Y-m-d\TH:i:sP');
        }
        if ($value instanceof DataObject) {
            $value = $value->getData();
        } elseif (is_object($value)) {
            return method_exists($value, '__toString') ? (string)$value : null;
        }
        if ($depth >= self::DEEPEST) {
            return null;
        }
        $plain = [];
        foreach ($value as $name => $member) {
            if (--$this->membersLeft < 0) {
                throw new \LengthException(sprintf('it has more than %d members', self::MOST_MEMBERS));
            }
            if (is_int($name) || !$this->secrets->isSecret((string)$name)) {
                $plain[$name] = $this->plain($member, $depth + 1);
            }
        }

        return $plain;
    }

    /**
     * Returns whether a value is not an array.
     *
     * @param mixed $value
     * @return bool
     */
    private function isScalarOrNull($value): bool
    {
        return !is_array($value);
    }

    /**
     * Returns the value; null if it is too long.
     *
     * @param string $path
     * @param mixed $value
     * @return mixed
     */
    private function limited(string $path, $value)
    {
        $length = is_string($value) ? strlen($value)
            : (is_array($value) ? strlen((string)json_encode($value, JSON_PARTIAL_OUTPUT_ON_ERROR)) : 0);
        if ($length <= self::LONGEST_VALUE) {
            return $value;
        }
        $this->report($path, sprintf('has %d bytes, more than %d', $length, self::LONGEST_VALUE));

        return null;
    }

    /**
     * Logs once why the value of a path is null.
     */
    private function report(string $path, string $reason): void
    {
        if (!isset($this->reported[$path])) {
            $this->reported[$path] = true;
            $this->logger->warning(sprintf("The value at '%s' %s: it is null in the event", $path, $reason));
        }
    }
}
